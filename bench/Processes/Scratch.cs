// What a benchmark leaves behind: nothing. Files go into one temporary folder, processes are started here, and both are removed when the
// benchmark ends, also when it is interrupted.

using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vmm.Bench.Processes;

/// <summary>A benchmark's folder and its processes.</summary>
internal sealed class Scratch : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Process> _processes = [];
    private readonly PosixSignalRegistration[] _signals;
    private bool _isClosed;

    internal Scratch()
    {
        Folder = Directory.CreateTempSubdirectory("vmm-bench-").FullName;
        _signals =
        [
            .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, Interrupt)),
        ];
    }

    /// <summary>The folder.</summary>
    internal string Folder { get; }

    /// <summary>A path in the folder.</summary>
    internal string this[string name] => Path.Combine(Folder, name);

    /// <summary>Starts a process that ends with the benchmark.</summary>
    internal Process Start(ProcessStartInfo start)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            var process = Process.Start(start)!;
            _processes.Add(process);
            return process;
        }
    }

    /// <summary>Ends a process and waits for it.</summary>
    internal void End(Process process)
    {
        lock (_gate)
        {
            if (_processes.Remove(process))
            {
                Kill(process);
            }
        }
    }

    /// <summary>Runs a program to its end; its output.</summary>
    internal string Output(string program, params string[] arguments)
    {
        var process = Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true });
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        int status = process.ExitCode;
        End(process);
        return status == 0 ? output : throw new InvalidOperationException($"{program} exited with {status}");
    }

    /// <summary>Compiles one of the benchmark's C sources; the program's path.</summary>
    internal string Compile(string source)
    {
        string program = this[Path.GetFileNameWithoutExtension(source)];
        Output("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, Path.Combine(AppContext.BaseDirectory, source));
        return program;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            _processes.ForEach(Kill);
            _processes.Clear();
            Directory.Delete(Folder, recursive: true);
        }

        Array.ForEach(_signals, s => s.Dispose());
    }

    private static void Kill(Process process)
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
    }

    private void Interrupt(PosixSignalContext context)
    {
        const int Interrupted = 130;
        context.Cancel = true;
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            _processes.ForEach(Kill);
            Directory.Delete(Folder, recursive: true);
            Console.Error.WriteLine("interrupted; every process is ended and every file removed");
            Environment.Exit(Interrupted);
        }
    }
}
