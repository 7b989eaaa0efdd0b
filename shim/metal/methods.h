// methods.h: every Objective-C message that the library sends, once: X(name, class or protocol, kind, since, selector, result, (arguments)).
// kind: I = to an object, C = to a class. since: the macOS that has it; what is newer than 13 is sent only to an object that responds to it.
#pragma once
#define SN_METHODS(X) \
  X(text_of,          NSString,                  C, 13, "stringWithUTF8String:", id, (const char *)) \
  X(characters,       NSString,                  I, 13, "UTF8String", const char *, ()) \
  X(description,      NSError,                   I, 13, "localizedDescription", id, ()) \
  X(url_of,           NSURL,                     C, 13, "fileURLWithPath:", id, (id)) \
  X(array_of,         NSArray,                   C, 13, "arrayWithObject:", id, (id)) \
  X(new_object,       NSObject,                  C, 13, "new", id, ()) \
  X(process_info,     NSProcessInfo,             C, 13, "processInfo", id, ()) \
  X(is_at_least,      NSProcessInfo,             I, 13, "isOperatingSystemAtLeastVersion:", BOOL, (NSOperatingSystemVersion)) \
  X(device_name,      MTLDevice,                 I, 13, "name", id, ()) \
  X(unified_memory,   MTLDevice,                 I, 13, "hasUnifiedMemory", BOOL, ()) \
  X(supports_family,  MTLDevice,                 I, 13, "supportsFamily:", BOOL, (NSInteger)) \
  X(working_set,      MTLDevice,                 I, 13, "recommendedMaxWorkingSetSize", unsigned long long, ()) \
  X(buffer_limit,     MTLDevice,                 I, 13, "maxBufferLength", NSUInteger, ()) \
  X(shared_limit,     MTLDevice,                 I, 13, "maxThreadgroupMemoryLength", NSUInteger, ()) \
  X(threads_limit,    MTLDevice,                 I, 13, "maxThreadsPerThreadgroup", MTLSize, ()) \
  X(new_buffer,       MTLDevice,                 I, 13, "newBufferWithLength:options:", id, (NSUInteger, NSUInteger)) \
  X(new_buffer_over,  MTLDevice,                 I, 13, "newBufferWithBytesNoCopy:length:options:deallocator:", id, (void *, NSUInteger, NSUInteger, void *)) \
  X(new_queue,        MTLDevice,                 I, 13, "newCommandQueueWithMaxCommandBufferCount:", id, (NSUInteger)) \
  X(new_library,      MTLDevice,                 I, 13, "newLibraryWithSource:options:error:", id, (id, id, id *)) \
  X(new_pipeline,     MTLDevice,                 I, 13, "newComputePipelineStateWithDescriptor:options:reflection:error:", id, (id, NSUInteger, id *, id *)) \
  X(new_archive,      MTLDevice,                 I, 13, "newBinaryArchiveWithDescriptor:error:", id, (id, id *)) \
  X(set_fast_math,    MTLCompileOptions,         I, 13, "setFastMathEnabled:", void, (BOOL)) \
  X(set_math_mode,    MTLCompileOptions,         I, 15, "setMathMode:", void, (NSInteger)) \
  X(set_math_functions, MTLCompileOptions,       I, 15, "setMathFloatingPointFunctions:", void, (NSInteger)) \
  X(set_language,     MTLCompileOptions,         I, 13, "setLanguageVersion:", void, (NSUInteger)) \
  X(new_function,     MTLLibrary,                I, 13, "newFunctionWithName:", id, (id)) \
  X(set_function,     MTLComputePipelineDescriptor, I, 13, "setComputeFunction:", void, (id)) \
  X(set_archives,     MTLComputePipelineDescriptor, I, 13, "setBinaryArchives:", void, (id)) \
  X(set_url,          MTLBinaryArchiveDescriptor, I, 13, "setUrl:", void, (id)) \
  X(archive_add,      MTLBinaryArchive,          I, 13, "addComputePipelineFunctionsWithDescriptor:error:", BOOL, (id, id *)) \
  X(archive_save,     MTLBinaryArchive,          I, 13, "serializeToURL:error:", BOOL, (id, id *)) \
  X(threads_of,       MTLComputePipelineState,   I, 13, "maxTotalThreadsPerThreadgroup", NSUInteger, ()) \
  X(width_of,         MTLComputePipelineState,   I, 13, "threadExecutionWidth", NSUInteger, ()) \
  X(contents_of,      MTLBuffer,                 I, 13, "contents", void *, ()) \
  X(command_buffer,   MTLCommandQueue,           I, 13, "commandBuffer", id, ()) \
  X(compute_encoder,  MTLCommandBuffer,          I, 13, "computeCommandEncoderWithDispatchType:", id, (NSUInteger)) \
  X(blit_encoder,     MTLCommandBuffer,          I, 13, "blitCommandEncoder", id, ()) \
  X(on_completed,     MTLCommandBuffer,          I, 13, "addCompletedHandler:", void, (void *)) \
  X(commit,           MTLCommandBuffer,          I, 13, "commit", void, ()) \
  X(status_of,        MTLCommandBuffer,          I, 13, "status", NSUInteger, ()) \
  X(error_of,         MTLCommandBuffer,          I, 13, "error", id, ()) \
  X(set_pipeline,     MTLComputeCommandEncoder,  I, 13, "setComputePipelineState:", void, (id)) \
  X(set_buffer,       MTLComputeCommandEncoder,  I, 13, "setBuffer:offset:atIndex:", void, (id, NSUInteger, NSUInteger)) \
  X(set_bytes,        MTLComputeCommandEncoder,  I, 13, "setBytes:length:atIndex:", void, (const void *, NSUInteger, NSUInteger)) \
  X(dispatch,         MTLComputeCommandEncoder,  I, 13, "dispatchThreadgroups:threadsPerThreadgroup:", void, (MTLSize, MTLSize)) \
  X(barrier,          MTLComputeCommandEncoder,  I, 13, "memoryBarrierWithScope:", void, (NSUInteger)) \
  X(copy,             MTLBlitCommandEncoder,     I, 13, "copyFromBuffer:sourceOffset:toBuffer:destinationOffset:size:", void, (id, NSUInteger, id, NSUInteger, NSUInteger)) \
  X(end,              MTLCommandEncoder,         I, 13, "endEncoding", void, ())
