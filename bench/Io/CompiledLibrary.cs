using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vmm.Bench.Io;

/// <summary>The C of a benchmark, compiled and loaded.</summary>
internal sealed class CompiledLibrary : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"vmm-bench-{Environment.ProcessId}.so");

    /// <param name="source">The source, from the program's own folder.</param>
    internal CompiledLibrary(string source)
    {
        using var gcc = Process.Start("gcc", ["-O2", "-shared", "-fPIC", "-o", _file, Path.Combine(AppContext.BaseDirectory, source)]);
        gcc.WaitForExit();
        if (gcc.ExitCode != 0)
        {
            throw new InvalidOperationException($"gcc exited with {gcc.ExitCode}");
        }

        Handle = NativeLibrary.Load(_file);
    }

    /// <summary>The library; it stays loaded until the process ends.</summary>
    internal nint Handle { get; }

    public void Dispose() => File.Delete(_file);
}
