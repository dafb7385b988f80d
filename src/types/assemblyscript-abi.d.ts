/**
 * The AssemblyScript type names that `assembly/abi/` uses, as TypeScript sees them.
 *
 * The files of `assembly/abi/` are compiled by both compilers. AssemblyScript has these names built in; here they are
 * plain numbers. Only the widths that constants are declared with are listed: anything wider than 32 bits has no place
 * in a file that both compilers read.
 */
type i32 = number;
type u32 = number;
type u16 = number;
type u8 = number;
