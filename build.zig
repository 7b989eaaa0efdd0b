// build.zig: one library per platform. Sources under shim/; files named isa*.c are compiled once for each instruction set and linked together.
const std = @import("std");
const Isa = struct { name: []const u8, model: ?*const std.Target.Cpu.Model = null, flags: []const []const u8 = &flags };
const x86_isas = [_]Isa{
    .{ .name = "base", .model = &std.Target.x86.cpu.x86_64 },
    .{ .name = "avx2", .model = &std.Target.x86.cpu.x86_64_v3 },
    // Half vectors, which Clang would prefer, do not go from a store to the load of a whole one but through the cache.
    .{ .name = "avx512", .model = &std.Target.x86.cpu.x86_64_v4, .flags = &(flags ++ [_][]const u8{"-mprefer-vector-width=512"}) },
};
const other_isas = [_]Isa{.{ .name = "base" }};
const flags = [_][]const u8{ "-O3", "-std=gnu11", "-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden", "-Wno-psabi", "-Wno-c23-extensions" };
const sim_flags = [_][]const u8{ "-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-c++-static-destructors", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter" };
const cross = "x86_64-linux-gnu.2.17,aarch64-linux-gnu.2.17,x86_64-linux-musl,aarch64-linux-musl,x86_64-macos.13.0,aarch64-macos.13.0,x86_64-windows-gnu";
const folders = [_][]const u8{ "shim/base", "shim/cpu", "shim/blas", "shim/fake", "shim/metal", "shim/cuda" };

pub fn build(b: *std.Build) void {
    const host = library(b, b.resolveTargetQuery(.{ .cpu_model = .baseline }));
    b.getInstallStep().dependOn(&b.addInstallArtifact(host, .{ .dest_dir = .{ .override = .lib } }).step);
    const all = b.step("cross", "Build for every supported platform");
    const targets = b.option([]const u8, "targets", "comma-separated triples for the cross step") orelse cross;
    var it = std.mem.splitScalar(u8, targets, ',');
    while (it.next()) |triple| {
        const query = std.Target.Query.parse(.{ .arch_os_abi = triple }) catch @panic(triple);
        const lib = library(b, b.resolveTargetQuery(query));
        all.dependOn(&b.addInstallArtifact(lib, .{ .dest_dir = .{ .override = .{ .custom = triple } }, .implib_dir = .disabled }).step);
    }
    const sim = b.step("metalsim", "Build the simulator of Metal");
    for ([_]*std.Build.Step.Compile{ metalsim(b), mistakes(b) }) |lib| sim.dependOn(&b.addInstallArtifact(lib, .{ .dest_dir = .{ .override = .lib } }).step);
}

// What the test of the simulator calls.
fn mistakes(b: *std.Build) *std.Build.Step.Compile {
    const lib = b.addLibrary(.{ .name = "metalmistakes", .linkage = .dynamic, .root_module = module(b, b.resolveTargetQuery(.{ .cpu_model = .baseline })) });
    for ([_][]const u8{ "tests/metalsim/mistakes.c", "shim/metal/objc.c" }) |path| lib.root_module.addCSourceFile(.{ .file = b.path(path), .flags = &flags });
    return lib;
}

// The simulator compiles MSL text with this same Zig, and keeps what it compiled beside the libraries.
fn metalsim(b: *std.Build) *std.Build.Step.Compile {
    const target = b.resolveTargetQuery(.{ .cpu_model = .baseline });
    const lib = b.addLibrary(.{ .name = "metalsim", .linkage = .dynamic, .root_module = module(b, target) });
    const m = lib.root_module;
    const msl = b.pathFromRoot("tests/metalsim/msl");
    m.addCMacro("SIM_ZIG", b.fmt("\"{s}\"", .{b.graph.zig_exe}));
    m.addCMacro("SIM_MSL", b.fmt("\"{s}\"", .{msl}));
    m.addCMacro("SIM_CACHE", b.fmt("\"{s}\"", .{b.getInstallPath(.prefix, "metalsim")}));
    for ([_][]const u8{ "objc.cpp", "metal.cpp", "rewrite.cpp", "library.cpp", "run.cpp" }) |name| {
        m.addCSourceFile(.{ .file = b.path(b.fmt("tests/metalsim/{s}", .{name})), .flags = &sim_flags });
    }
    m.addAssemblyFile(b.path("tests/metalsim/send.S"));
    return lib;
}

fn library(b: *std.Build, target: std.Build.ResolvedTarget) *std.Build.Step.Compile {
    const lib = b.addLibrary(.{ .name = "sinter", .linkage = .dynamic, .root_module = module(b, target) });
    const isas: []const Isa = if (target.result.cpu.arch == .x86_64) &x86_isas else &other_isas;
    for (folders) |folder| {
        if (target.result.os.tag == .windows and (std.mem.eql(u8, folder, "shim/metal") or std.mem.eql(u8, folder, "shim/cuda"))) continue;
        var dir = b.build_root.handle.openDir(b.graph.io, folder, .{ .iterate = true }) catch @panic(folder);
        defer dir.close(b.graph.io);
        var files = dir.iterate();
        while (files.next(b.graph.io) catch @panic(folder)) |entry| {
            if (!std.mem.endsWith(u8, entry.name, ".c")) continue;
            const path = b.path(b.fmt("{s}/{s}", .{ folder, entry.name }));
            if (!std.mem.startsWith(u8, entry.name, "isa")) {
                lib.root_module.addCSourceFile(.{ .file = path, .flags = &flags });
                continue;
            }
            for (isas) |isa| {
                var query = target.query;
                if (isa.model) |m| query.cpu_model = .{ .explicit = m };
                const object = b.addObject(.{ .name = b.fmt("{s}_{s}", .{ entry.name, isa.name }), .root_module = module(b, b.resolveTargetQuery(query)) });
                object.root_module.addCSourceFile(.{ .file = path, .flags = isa.flags });
                object.root_module.addCMacro("ISA", isa.name);
                lib.root_module.addObject(object);
            }
        }
    }
    return lib;
}

fn module(b: *std.Build, target: std.Build.ResolvedTarget) *std.Build.Module {
    return b.createModule(.{ .target = target, .optimize = .ReleaseFast, .link_libc = true, .pic = true, .strip = true, .sanitize_c = .off });
}
