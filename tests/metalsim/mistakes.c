// mistakes.c: makes one mistake against Objective-C or Metal at a time, for the test that the simulator sees it.
#include "../../shim/metal/objc.h"
#define EXPORT __attribute__((visibility("default")))
static id gpu, queue;
static const char TEXT[] = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n"
  "kernel void k(device float *o [[buffer(0)]], uint g [[thread_position_in_grid]]) { o[g] = 1.0f; }\n";
static id pipeline(void) {
  id error = 0, library = SEND(new_library, gpu, sn_objc_text(TEXT), (id)0, &error), function = SEND(new_function, library, sn_objc_text("k"));
  id options = sn_objc_new("MTLComputePipelineDescriptor");
  SEND(set_function, options, function);
  id p = SEND(new_pipeline, gpu, options, 0, (id *)0, &error);
  sn_objc.release(options); sn_objc.release(function); sn_objc.release(library);
  return p;
}
EXPORT void mistake(uint32_t which) {
  if (!gpu) {
    if (sn_objc_open()) return;
    void *pool = sn_objc.push();
    gpu = sn_objc.default_device();
    queue = SEND(new_queue, gpu, 8);
    sn_objc.pop(pool);
  }
  if (which == 0) { SEND(device_name, gpu); return; }          // no pool
  void *pool = sn_objc.push();
  id b = SEND(command_buffer, queue), e = SEND(compute_encoder, b, 1), m = SEND(new_buffer, gpu, 64, 0), p = pipeline();
  int open = 1;
  switch (which) {
    case 1: ((sn_type_commit)sn_objc.send)(b, sn_objc.selector("commitNow")); break;
    case 2: SEND(contents_of, (id)0); break;
    case 3: sn_objc.retain(m); sn_objc.release(m); sn_objc.release(m); SEND(contents_of, m); sn_objc.release(m); m = 0; break;
    case 4: SEND(commit, b); break;
    case 5: SEND(end, e); open = 0; SEND(commit, b); SEND(commit, b); break;
    case 6: SEND(end, e); SEND(end, e); open = 0; break;
    case 7: SEND(end, e); open = 0; SEND(set_pipeline, e, p); break;
    case 8: SEND(compute_encoder, b, 0); break;
    case 9: SEND(dispatch, e, (MTLSize){1, 1, 1}, (MTLSize){64, 1, 1}); break;
    case 10: SEND(set_pipeline, e, p); SEND(dispatch, e, (MTLSize){1, 1, 1}, (MTLSize){64, 1, 1}); break;
    case 11: SEND(set_pipeline, e, p); SEND(set_buffer, e, m, 0, 0); SEND(dispatch, e, (MTLSize){1, 1, 1}, (MTLSize){2048, 1, 1}); break;
    case 12: SEND(set_pipeline, e, p); SEND(set_buffer, e, m, 0, 0); SEND(dispatch, e, (MTLSize){0, 1, 1}, (MTLSize){64, 1, 1}); break;
    case 13: SEND(set_buffer, e, m, 64, 0); break;
    case 14: SEND(set_buffer, e, m, 0, 31); break;
    case 15: SEND(set_bytes, e, TEXT, 5000, 0); break;
    case 16: SEND(set_pipeline, e, m); break;
    case 17: SEND(barrier, e, 0); break;
    case 18: SEND(new_buffer, gpu, 64, 1 << 20); break;
    case 19: SEND(new_buffer, gpu, 0, 0); break;
    case 20: SEND(new_buffer_over, gpu, (char *)&gpu, 64, 0, (void *)0); break;
    case 21: SEND(end, e); open = 0; SEND(on_completed, b, (void *)&pool); break;
    case 22: for (int i = 0; i < 8; i++) SEND(command_buffer, queue); break;
    case 23: SEND(set_pipeline, e, p); SEND(set_bytes, e, TEXT, 64, 0); SEND(dispatch, e, (MTLSize){1, 1, 1}, (MTLSize){16, 1, 1}); break;
    case 24: sn_objc.pop((void *)77); break;
    case 25: open = 0; break;                                   // the encoder is let go of without its end
  }
  if (open) SEND(end, e);
  sn_objc.release(p);
  if (m) sn_objc.release(m);
  sn_objc.pop(pool);
}
