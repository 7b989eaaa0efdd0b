// The constants of MLX.
/** The ratio of a circle's circumference to its diameter. */
export const pi: number = Math.PI;
/** The base of the natural logarithm. */
export const e: number = Math.E;
/** Positive infinity. */
export const inf: number = Infinity;
/** Not a number. */
export const nan: number = NaN;
/** The Euler-Mascheroni constant. */
export const eulerGamma: number = 0.5772156649015329;
/** Stands for a new axis of length 1 in an index. */
export const newaxis: null = null;
