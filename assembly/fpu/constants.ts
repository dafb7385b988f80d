/**
 * Constants of the transcendental functions with 128 significant bits, rounded to nearest.
 */
import { setWide } from "./wide";

/** Pi. */
export function setPi(p: usize): void {
  setWide(p, 0, 1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
}

/** ln 2. */
export function setLn2(p: usize): void {
  setWide(p, 0, -1, 0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af);
}

/** 1 / ln 2. */
export function setLog2E(p: usize): void {
  setWide(p, 0, 0, 0xb8aa3b295c17f0bb, 0xbe87fed0691d3e89);
}

/** Arctangent of n / 16 for n from 1 to 16. */
export function setArctangent(p: usize, n: i32): void {
  switch (n) {
    case 1:
      setWide(p, 0, -5, 0xffaaddb967ef4e36, 0xcb2792dc0e2e0d51);
      break;
    case 2:
      setWide(p, 0, -4, 0xfeadd4d5617b6e32, 0xc897989f3e888ef8);
      break;
    case 3:
      setWide(p, 0, -3, 0xbdcbda5e72d81134, 0x7b0b4f881c9c7488);
      break;
    case 4:
      setWide(p, 0, -3, 0xfadbafc96406eb15, 0x6dc79ef5f7a217e6);
      break;
    case 5:
      setWide(p, 0, -2, 0x9b13b9b83f5e5e69, 0xc5abb498d27af328);
      break;
    case 6:
      setWide(p, 0, -2, 0xb7b0ca0f26f78473, 0x8aa32122dcfe4483);
      break;
    case 7:
      setWide(p, 0, -2, 0xd327761e611fe5b6, 0x427c95e9001e7136);
      break;
    case 8:
      setWide(p, 0, -2, 0xed63382b0dda7b45, 0x6fe445ecbc3a8d03);
      break;
    case 9:
      setWide(p, 0, -1, 0x832bf4a6d9867e2a, 0x4b6a09cb61a515c1);
      break;
    case 10:
      setWide(p, 0, -1, 0x8f005d5ef7f59f9b, 0x5c835e1665c43748);
      break;
    case 11:
      setWide(p, 0, -1, 0x9a2f80e671bdda20, 0x4226f8e2204ff3bd);
      break;
    case 12:
      setWide(p, 0, -1, 0xa4bc7d1934f70924, 0x19a87f2a457dac9f);
      break;
    case 13:
      setWide(p, 0, -1, 0xaeac4c38b4d8c080, 0x14725e2f3e52070a);
      break;
    case 14:
      setWide(p, 0, -1, 0xb8053e2bc2319e73, 0xcb2da55210a4443d);
      break;
    case 15:
      setWide(p, 0, -1, 0xc0ce85b8ac526640, 0x89dd62c46e92fa25);
      break;
    default:
      setWide(p, 0, -1, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1);
  }
}
