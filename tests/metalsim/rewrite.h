// rewrite.h: what has to be known of an MSL text before Clang compiles it.
#pragma once
#include "sim.h"
/** A kernel of a text: the places of its arguments as C++ template arguments, and its buffers with 'r' or 'w'. */
struct entry { text name, places, buffers; };
struct rewritten {
  text body, error;                        // the text with threadgroup variables marked; keeps lines and columns of calls
  list<entry> kernels;
  bool waits = false, bfloat = false;      // a thread may wait for others; what MSL 3.1 is the first to have
};
rewritten rewrite(const text &source);
