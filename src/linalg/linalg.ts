// Linear algebra: the public names.
export { eig, eigh, type EighOptions, eigvals, eigvalsh } from "./eigen.ts";
export { cholesky, choleskyInv, det, lu, luFactor, qr, slogdet } from "./factor.ts";
export { cross, norm, type NormOptions, type Ord } from "./norm.ts";
export { inv, solve, solveTriangular, triInv, type UpperOptions } from "./solve.ts";
export { pinv, svd, type SvdOptions } from "./svd.ts";
