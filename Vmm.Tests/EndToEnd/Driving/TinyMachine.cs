using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>The command line of a small machine with a tiny guest.</summary>
internal static class TinyMachine
{
    /// <summary>The QMP socket of the first process.</summary>
    internal const string Qmp = "a.qmp";

    /// <summary>The human monitor's prompt.</summary>
    internal const string Prompt = "(qemu) ";

    /// <summary>Bytes of guest RAM.</summary>
    internal const long RamSize = 16 << 20;

    /// <summary>A machine with shared RAM and no monitor.</summary>
    internal static ArgumentList Silent(string guest) => Headless(ProgramFixture.Host.TinyGuest(guest));

    /// <summary>The same with any file as its kernel.</summary>
    internal static ArgumentList Headless(string kernel) => new()
    {
        { "-machine", "microvm,memory-backend=ram0" },
        { "-m", "16M" },
        { "-object", "memory-backend-memfd,id=ram0,size=16M,share=on" },
        "-nodefaults",
        { "-display", "none" },
        { "-kernel", kernel },
    };

    /// <summary>A machine with shared RAM and QMP on <see cref="Qmp"/>.</summary>
    internal static ArgumentList Booting(string guest, params string[] more) => Silent(guest).With(Monitor(Qmp)).With(more);

    /// <summary>The options of a QMP monitor on a socket.</summary>
    internal static string[] Monitor(string path) => ["-qmp", $"unix:{path},server=on,wait=off"];
}
