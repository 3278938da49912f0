// How a program knows that it was started for a guest of its predecessor in mode cpr-exec: by a variable of its environment, which wrappers
// (a shell, numactl) leave alone. It behaves as if it waited for a guest, whatever else its command line says.
//
//     VMM_CPR_EXEC_STATE=N                          N is the record (ExecRecord): this program has replaced another, and takes its guest
//     VMM_CPR_EXEC_STATE=N                          N is a socket: this program was started to be asked whether it would
//     VMM_CPR_EXEC_STATE=N, VMM_CPR_EXEC_KEEPER=M,T N and M are sockets, the cpr and the main channel: this program keeps the guest, and takes it after T
//                                                   milliseconds of silence
//     VMM_CPR_EXEC_FAILURE=TEXT                     the program that replaced this one could not take the guest, and went back to this
//
// The program that has replaced another holds every descriptor of the record twice: the number as it was stays open and untouched until the guest is
// taken, so that the way back leads to what was there, whatever became of the copies. The program that came back uses what is there.

using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;

namespace Vmm.Migration.Exec;

/// <summary>What a program was started for, where that is a guest of cpr-exec. One thread at a time.</summary>
public sealed class ExecStart
{
    internal const string StateVariable = "VMM_CPR_EXEC_STATE";
    internal const string KeeperVariable = "VMM_CPR_EXEC_KEEPER";
    internal const string FailureVariable = "VMM_CPR_EXEC_FAILURE";

    private const int LongestFailure = 4096;

    private readonly SafeFileHandle _state;
    private readonly List<SafeFileHandle> _originals = [];

    /// <summary>Of a program that may go back. It is read before the machine is built: afterwards the host may give no descriptor to read it by.</summary>
    private IReadOnlyList<byte[]> _environment = [];

    private bool _isOver;

    private ExecStart(SafeFileHandle state) => _state = state;

    /// <summary>Whether this program has replaced the one that had the guest; otherwise it was started beside it.</summary>
    public bool HasReplaced => Record is not null;

    /// <summary>
    /// Whether this is the program that had the guest: the keeper, or one that was gone back to. Its command line began with the guest's boot, and does not say
    /// whether the guest runs now.
    /// </summary>
    public bool HadGuest => Main is not null || Failure is not null;

    /// <summary>What the program that was here before has left; null where none was.</summary>
    internal ExecRecord? Record { get; private set; }

    /// <summary>The descriptors of the record, as copies, until they are claimed.</summary>
    internal HandedOverDescriptors HandedOver { get; } = new();

    /// <summary>Why the program that replaced this one could not take the guest; null where none has come back.</summary>
    internal string? Failure { get; private set; }

    /// <summary>The cpr channel, of a program that was started beside another.</summary>
    internal SafeFileHandle Channel => _state;

    /// <summary>The main channel, of a keeper; null of one that is only asked.</summary>
    internal SafeFileHandle? Main { get; private set; }

    /// <summary>How long a keeper lets the process that it keeps the guest for be silent, in milliseconds.</summary>
    internal uint Patience { get; private set; }

    /// <summary>What this program was started for; null where it is no guest of cpr-exec.</summary>
    /// <exception cref="IOException">The environment names a descriptor that is not what it should be.</exception>
    public static ExecStart? FromEnvironment()
    {
        if (Take(StateVariable) is not { } number)
        {
            return null;
        }

        var start = new ExecStart(Inherited(StateVariable, number));
        string? main = Take(KeeperVariable);
        start.Failure = Take(FailureVariable);
        if (HostSocket.IsUnix(start._state))
        {
            start.ReadKeeper(main);
            ProgramImage.NameProcess();
        }
        else
        {
            start.Read();
            if (start.Failure is not null)
            {
                ProgramImage.NameProcess();
            }
        }

        return start;
    }

    /// <summary>The guest was taken, by this program or by the keeper: there is nothing to go back for.</summary>
    internal void Decided() => _isOver = true;

    /// <summary>The guest was taken: what was kept for the way back is closed.</summary>
    internal void Arrive()
    {
        foreach (var original in _originals)
        {
            if (IsInherited(Number(original)))
            {
                // It belongs to who took it from the command line.
                original.SetHandleAsInvalid();
            }

            original.Dispose();
        }

        _state.Dispose();
        HandedOver.Dispose();
    }

    /// <summary>
    /// Gives the guest back to the program that was here before, which takes it from the same record. Returns only if there is none, or it cannot be
    /// started; the keeper takes the guest then.
    /// </summary>
    /// <param name="reason">Why this program cannot take it.</param>
    /// <returns>Why that program was not started; null where there is none.</returns>
    public string? GoBack(string reason)
    {
        // The program that came back and cannot take its own guest either has no one to go to but the keeper.
        if (Record is not { } record || _isOver || Failure is not null)
        {
            return null;
        }

        try
        {
            foreach (var original in _originals.Append(_state))
            {
                ProgramImage.SetInherited(original, true);
            }

            string text = reason.Length > LongestFailure ? reason[..LongestFailure] : reason;
            var image = _originals.First(original => Number(original) == record.WayBack.Image);
            return ProgramImage.Replace(image, record.WayBack.Arguments, Environment(_environment, _state, (FailureVariable, text.Replace('\0', ' ')))).Message;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    /// <summary>The environment of a program that is started for the guest: this program's own, and what the descriptor means.</summary>
    internal static IReadOnlyList<byte[]> Environment(SafeFileHandle state, params ReadOnlySpan<(string Name, string Value)> others) =>
        Environment(ProgramImage.Environment, state, others);

    private static IReadOnlyList<byte[]> Environment(IReadOnlyList<byte[]> own, SafeFileHandle state, params ReadOnlySpan<(string Name, string Value)> others)
    {
        string number = Number(state).ToString(CultureInfo.InvariantCulture);
        return
        [
            .. own.Where(variable => !variable.AsSpan().StartsWith("VMM_CPR_EXEC_"u8) && !BackgroundProgram.IsVariable(variable)),
            Encoding.UTF8.GetBytes($"{StateVariable}={number}"),
            .. others.ToArray().Select(other => Encoding.UTF8.GetBytes($"{other.Name}={other.Value}")),
        ];
    }

    /// <summary>The number of an open descriptor.</summary>
    internal static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static string? Take(string variable)
    {
        string? value = System.Environment.GetEnvironmentVariable(variable);
        System.Environment.SetEnvironmentVariable(variable, null);
        return string.IsNullOrEmpty(value) ? null : value;
    }

    private static SafeFileHandle Inherited(string variable, string text)
    {
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 3 || !InheritedDescriptor.IsInherited(number))
        {
            throw new IOException($"{variable}={text}: the number of a descriptor that this program was started with was expected");
        }

        var handle = new SafeFileHandle(number, ownsHandle: true);
        ProgramImage.SetInherited(handle, false);
        return handle;
    }

    private void ReadKeeper(string? text)
    {
        if (text is null)
        {
            return;
        }

        string[] words = text.Split(',');
        if (words.Length != 2 || !uint.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint patience))
        {
            throw new IOException($"{KeeperVariable}={text}: the number of a descriptor and a time in milliseconds were expected");
        }

        (Main, Patience) = (Inherited(KeeperVariable, words[0]), patience);
    }

    private void Read()
    {
        ExecRecord record;
        try
        {
            record = ExecRecord.Read(RecordFile.Read(_state));
        }
        catch (Exception e) when (e is StateException or IOException)
        {
            throw new IOException($"{StateVariable}={Number(_state)}: {e.Message}", e);
        }

        // All of them are this program's before anything can fail.
        foreach (int number in record.Numbers)
        {
            if (!InheritedDescriptor.IsInherited(number) || number < 3)
            {
                throw new IOException($"{StateVariable}={Number(_state)}: the record names descriptor {number}, with which this program was not started");
            }

            _originals.Add(new SafeFileHandle(number, ownsHandle: true));
        }

        _environment = ProgramImage.Environment;

        // What the command line names stays what this program was started with, until it is taken from there.
        Record = record;
        foreach (var original in _originals.Where(original => !IsInherited(Number(original))))
        {
            ProgramImage.SetInherited(original, false);
        }
    }

    /// <summary>Whether the command line names a descriptor of this number, under which it is what it was.</summary>
    private bool IsInherited(int number) => Record!.Descriptors.Any(
        descriptor => descriptor.Number == number && descriptor.Name.StartsWith(IExecCrossing.InheritedPrefix, StringComparison.Ordinal));

    /// <summary>Makes the copies that are handed out by their names. What the command line names by number is handed out as it is.</summary>
    /// <exception cref="IOException">The host gives no more descriptors, or two have the same name.</exception>
    internal void CopyDescriptors()
    {
        foreach (var (name, number) in Record!.Descriptors)
        {
            // The program that came back has nowhere to go back to, and needs no copy: so it can do where the host gives no more descriptors.
            bool isLast = Failure is not null && Record.Descriptors.Count(descriptor => descriptor.Number == number) == 1;
            var handle = IsInherited(number) ? new SafeFileHandle(number, ownsHandle: false)
                : isLast ? TakeOriginal(number)
                : FileDescriptor.Duplicate(Original(number));
            if (!HandedOver.TryAdd(name, handle))
            {
                throw new IOException($"the record has two descriptors '{name}'");
            }
        }
    }

    /// <summary>One of the record's descriptors as it is, which is the caller's from here on. Where nothing is gone back to.</summary>
    internal SafeFileHandle TakeOriginal(int number)
    {
        var original = Original(number);
        _originals.Remove(original);
        return original;
    }

    /// <summary>One of the record's descriptors as it is.</summary>
    internal SafeFileHandle Original(int number) => _originals.First(original => Number(original) == number);
}
