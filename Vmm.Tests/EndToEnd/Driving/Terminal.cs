// A terminal as a user sits at it: keys go in as bytes, and what the program shows is kept byte for byte. Underneath is a
// pseudo-terminal, whose slave the program has for its standard input and output.

using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A pseudo-terminal's master.</summary>
internal sealed class Terminal : IAsyncDisposable
{
    private const uint Echo = 0x8;
    private const uint Canonical = 0x2;
    private const uint LineFeedGetsReturn = 0x4;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private readonly SafeFileHandle _master;
    private readonly SafeFileHandle _slave;
    private readonly StringBuilder _unread = new();

    internal Terminal()
    {
        (_master, SlavePath) = TerminalDevice.CreatePty();

        // Kept open, for the settings last only while a process has it open; and cooked, as a shell leaves it,
        // but for what the terminal would add to line ends.
        _slave = File.OpenHandle(SlavePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Cook();
    }

    /// <summary>What the program opens.</summary>
    internal string SlavePath { get; }

    /// <summary>Whether the terminal echoes and edits lines by itself, as it does between two programs.</summary>
    internal bool IsCooked => (TerminalDevice.GetAttributes(_slave).LocalFlags & (Echo | Canonical)) == (Echo | Canonical);

    /// <summary>The command line that runs a program on the terminal; it ends with the program.</summary>
    internal string[] Running(string program) => ["/bin/sh", "-c", $"exec \"$0\" \"$@\" <{SlavePath} >{SlavePath}", program];

    /// <summary>Presses keys.</summary>
    internal void Press(string keys) => FileDescriptor.Write(_master, Encoding.UTF8.GetBytes(keys));

    /// <summary>
    /// Waits until the program has shown something, and returns all that it has shown since the last time, up to and with that. Nothing reports
    /// what is shown in time, so this looks again and again.
    /// </summary>
    /// <param name="text">What it has shown then.</param>
    /// <param name="limit">How long that may take; without one, as long as an answer.</param>
    internal async Task<string> ReadToAsync(string text, TimeSpan? limit = null)
    {
        using var deadline = new CancellationTokenSource(limit ?? Timeouts.Answer);
        var buffer = new byte[4096];
        int end;
        while ((end = _unread.ToString().IndexOf(text, StringComparison.Ordinal)) < 0)
        {
            int got = FileDescriptor.ReadNow(_master, buffer);
            if (got > 0)
            {
                _unread.Append(Encoding.UTF8.GetString(buffer, 0, got));
            }
            else if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"the terminal did not show \"{text}\"; it shows: {_unread}");
            }
            else
            {
                await Task.Delay(Poll);
            }
        }

        string shown = _unread.ToString(0, end + text.Length);
        _unread.Remove(0, shown.Length);
        return shown;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _slave.Dispose();
        _master.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Cook()
    {
        var attributes = TerminalDevice.GetAttributes(_slave);
        attributes.LocalFlags |= Echo | Canonical;
        attributes.OutputFlags &= ~LineFeedGetsReturn;
        TerminalDevice.SetAttributes(_slave, attributes);
    }
}
