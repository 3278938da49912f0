// A host is a Linux machine with a KVM device that tests and the demo run vmm on: either this machine, or, where it
// cannot run Linux guests, the lab, a machine inside QEMU's emulation. Drivers and tests are written against this
// interface and do not know which one they have. Everything is a shell command or a unix socket on that host.

namespace Vmm.Lab.Hosts;

/// <summary>A machine to run vmm and its guests on.</summary>
public interface IHost : IAsyncDisposable
{
    /// <summary>What a person calls it: <c>this machine</c> or <c>the lab</c>.</summary>
    string Name { get; }

    /// <summary>Where <c>vmm</c> is on that host.</summary>
    string VmmPath { get; }

    /// <summary>The Debian kernel of the Linux guest, on that host.</summary>
    string GuestKernel { get; }

    /// <summary>The initramfs of the Linux guest (see lab/guest-init), on that host.</summary>
    string GuestInitramfs { get; }

    /// <summary>The disk of the Linux guest, to be copied before it is used, on that host.</summary>
    string GuestDisk { get; }

    /// <summary>What reads a guest's clocks in its RAM (see lab/clocks.c), on that host.</summary>
    string ClockReader { get; }

    /// <summary>What downloads a guest's stream and checks it (see lab/fetch.c), on that host.</summary>
    string StreamClient { get; }

    /// <summary>The path of a tiny guest, <c>guests/NAME.S</c>, on that host.</summary>
    string TinyGuest(string name);

    /// <summary>
    /// Starts a command under <c>/bin/sh -c</c>; with <c>exec</c> in front, <see cref="IHostProcess.Pid"/> is the program's own.
    /// It dies with this process, however that ends.
    /// </summary>
    Task<IHostProcess> StartAsync(string command, CancellationToken cancellation = default);

    /// <summary>Connects to a unix socket on that host; waits until a process listens there.</summary>
    Task<HostStream> ConnectAsync(string unixPath, CancellationToken cancellation = default);
}

/// <summary>A running command on a host. Disposing kills it if it still runs.</summary>
public interface IHostProcess : IAsyncDisposable
{
    /// <summary>Its process id on its host.</summary>
    int Pid { get; }

    /// <summary>Its standard input.</summary>
    Stream Input { get; }

    /// <summary>Its standard output. It must be read, or the command may block.</summary>
    HostStream Output { get; }

    /// <summary>Its standard error. It must be read, or the command may block.</summary>
    HostStream Errors { get; }

    /// <summary>Its exit status, or 128 + the signal that ended it.</summary>
    Task<int> Exited { get; }
}
