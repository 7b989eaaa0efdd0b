// The names of dtypes and of their categories as constants: `float32 === "float32"`.
/** The dtype bool. */
export const bool = "bool" as const;
/** The dtype uint8. */
export const uint8 = "uint8" as const;
/** The dtype uint16. */
export const uint16 = "uint16" as const;
/** The dtype uint32. */
export const uint32 = "uint32" as const;
/** The dtype uint64. */
export const uint64 = "uint64" as const;
/** The dtype int8. */
export const int8 = "int8" as const;
/** The dtype int16. */
export const int16 = "int16" as const;
/** The dtype int32. */
export const int32 = "int32" as const;
/** The dtype int64. */
export const int64 = "int64" as const;
/** The dtype float16. */
export const float16 = "float16" as const;
/** The dtype bfloat16. */
export const bfloat16 = "bfloat16" as const;
/** The dtype float32. */
export const float32 = "float32" as const;
/** The dtype float64. */
export const float64 = "float64" as const;
/** The dtype complex64. */
export const complex64 = "complex64" as const;
/** The category generic of dtypes. */
export const generic = "generic" as const;
/** The category number of dtypes. */
export const number = "number" as const;
/** The category integer of dtypes. */
export const integer = "integer" as const;
/** The category signedinteger of dtypes. */
export const signedinteger = "signedinteger" as const;
/** The category unsignedinteger of dtypes. */
export const unsignedinteger = "unsignedinteger" as const;
/** The category inexact of dtypes. */
export const inexact = "inexact" as const;
/** The category floating of dtypes. */
export const floating = "floating" as const;
/** The category complexfloating of dtypes. */
export const complexfloating = "complexfloating" as const;
