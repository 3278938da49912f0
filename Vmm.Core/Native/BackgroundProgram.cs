// This program once more, in the background (-daemonize): a child with a session of its own, the same command line and the same descriptors. The process
// that was started waits until the child reports over a pipe that it is ready, and exits with status 0; if the child exits instead, with the child's
// status. So its parent knows from the status whether the machine runs, and reads from standard error why not.
//
// A fork without exec, as C programs do it, would leave the runtime's threads behind.

using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Native;

/// <summary>A program that continues in the background.</summary>
public static class BackgroundProgram
{
    /// <summary>Names the descriptor by which the child reports that it is ready.</summary>
    private const string Variable = "VMM_DAEMON";

    private const int Failed = 1;

    /// <summary>Starts it, and waits until it is ready or has ended.</summary>
    /// <returns>The exit status of this process.</returns>
    /// <exception cref="PosixException">The host gives no process.</exception>
    public static int Start()
    {
        var (read, write) = FileDescriptor.Pipe();
        using (read)
        {
            SafeFileHandle process;
            using (write)
            using (var number = new BorrowedDescriptor(write))
            {
                byte[] variable = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Variable}={(int)number}"));
                var environment = ProgramImage.Environment.Where(other => !IsVariable(other));
                _ = ProgramSpawn.StartWaiting("/proc/self/exe", ProgramImage.Arguments, [.. environment, variable], [write], errors: null, out process, keepsScheduler: true);
            }

            using (process)
            {
                if (FileDescriptor.Read(read, new byte[1]) > 0)
                {
                    return 0;
                }

                // The pipe is closed without a report, so the child has exited or is about to.
                _ = FileDescriptor.WaitFor(process, FdEvents.In);
                return PidFd.TryReap(process) is { HasExited: true, Number: > 0 and var status } ? status : Failed;
            }
        }
    }

    /// <summary>In the child: the descriptor by which it reports that it is ready; null in a program that is no such child.</summary>
    /// <exception cref="IOException">The environment names no descriptor of this process.</exception>
    public static SafeFileHandle? FromEnvironment()
    {
        string? text = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, null);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 3 || !InheritedDescriptor.IsInherited(number))
        {
            throw new IOException($"{Variable}={text}: the number of a descriptor that this program was started with was expected");
        }

        ProgramImage.NameProcess();
        return FileDescriptor.TakeInherited(number);
    }

    /// <summary>In the child, which is ready: reports it, and lets go of standard input, output and error.</summary>
    /// <param name="ready">The descriptor by which it reports it.</param>
    /// <exception cref="PosixException">The process that was started has ended, so its starter takes this one for failed; or /dev/null cannot be opened.</exception>
    public static void Detach(SafeFileHandle ready)
    {
        ArgumentNullException.ThrowIfNull(ready);
        using var nothing = ProgramStart.OpenNothing();
        _ = FileDescriptor.Write(ready, [1]);
        ProgramStart.LeaveStandardDescriptors(nothing);
    }

    /// <summary>Whether an entry of the environment, NAME=VALUE, is the variable of such a child, which its own children do not get.</summary>
    public static bool IsVariable(byte[] entry) => entry.AsSpan().StartsWith("VMM_DAEMON="u8);
}
