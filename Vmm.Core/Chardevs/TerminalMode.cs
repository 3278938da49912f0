// A terminal that passes bytes as they are typed, for as long as a guest's console or a monitor is on it.
//
// The terminal outlives the process, so its former mode is put back at the end, however the end comes: Dispose, or the
// exit of the process. After a stop and continue from the shell (SIGCONT) the raw mode is set again.
// A process in the background of the terminal leaves it alone, because the kernel would stop it for the attempt.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A terminal in raw mode; disposing puts the former mode back.</summary>
public sealed class TerminalMode : IDisposable
{
    private readonly SafeHandle _terminal;
    private readonly bool _signalKeys;
    private TerminalAttributes _former;
    private TerminalAttributes _raw;
    private readonly PosixSignalRegistration _continued;
    private readonly IDisposable _modeCleanUp;
    private bool _restored;

    private TerminalMode(SafeHandle terminal, bool signalKeys)
    {
        _terminal = terminal;
        _signalKeys = signalKeys;
        _former = TerminalCrossing.Former ?? TerminalDevice.GetAttributes(terminal);
        _raw = TerminalDevice.Raw(_former, processOutput: true, signalKeys);
        Set(_raw);
        AppDomain.CurrentDomain.ProcessExit += OnProcessExit;
        _modeCleanUp = ForcedEnd.Register(Restore);
        TerminalCrossing.Entered(_former);
#pragma warning disable CA1416 // Linux only, as the whole program.
        _continued = PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => Set(_raw));
#pragma warning restore CA1416
    }

    /// <summary>Sets a terminal raw.</summary>
    /// <param name="handle">Perhaps a terminal.</param>
    /// <param name="signalKeys">Whether Ctrl-C and its like still raise signals in the process.</param>
    /// <returns>Null if it is no terminal.</returns>
    public static TerminalMode? TryEnterRaw(SafeHandle handle, bool signalKeys) =>
        TerminalDevice.IsTerminal(handle) ? new TerminalMode(handle, signalKeys) : null;

    /// <summary>The former mode as bytes, for a program that replaces this one and finds the terminal raw.</summary>
    public byte[] Former => MemoryMarshal.AsBytes(new ReadOnlySpan<TerminalAttributes>(in _former)).ToArray();

    /// <summary>Has another program's <see cref="Former"/> put back at the end, in place of the mode that was found. Bytes that are none change nothing.</summary>
    public void UseFormer(ReadOnlySpan<byte> former)
    {
        if (former.Length == Unsafe.SizeOf<TerminalAttributes>())
        {
            _former = MemoryMarshal.Read<TerminalAttributes>(former);
            _raw = TerminalDevice.Raw(_former, processOutput: true, _signalKeys);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        AppDomain.CurrentDomain.ProcessExit -= OnProcessExit;
        _continued.Dispose();
        Restore();
        _modeCleanUp.Dispose();
    }

    private void OnProcessExit(object? sender, EventArgs e) => Restore();

    private void Restore()
    {
        if (!_restored)
        {
            _restored = true;
            Set(_former);
        }
    }

    private void Set(in TerminalAttributes attributes)
    {
        try
        {
            if (!_terminal.IsClosed && TerminalDevice.IsForeground(_terminal))
            {
                TerminalDevice.SetAttributes(_terminal, in attributes);
            }
        }
        catch (PosixException)
        {
            // The terminal was closed (with its window): there is no mode left to set.
        }
    }
}
