using Vmm.Core.Configuration;
using Vmm.Migration.Exec;

namespace Vmm.CommandLine;

/// <summary>Everything that a command line says: the machine, and how this process serves it.</summary>
internal sealed record ProgramConfiguration
{
    /// <summary>Run the machine, or only print something; then nothing else in this record counts.</summary>
    public ProgramAction Action { get; init; }

    /// <summary>What is printed by <see cref="ProgramAction.ShowText"/>, ending with a line feed.</summary>
    public string Text { get; init; } = "";

    /// <summary>The machine.</summary>
    public MachineConfiguration Machine { get; init; } = new();

    /// <summary>The monitors in the order given.</summary>
    public IReadOnlyList<MonitorConfiguration> Monitors { get; init; } = [];

    /// <summary>Where the guest comes from; null when it boots.</summary>
    public IncomingConfiguration? Incoming { get; init; }

    /// <summary>What this program was started for, where that is a guest of cpr-exec: then it boots none, whatever the command line says.</summary>
    public ExecStart? Exec { get; init; }

    /// <summary>File that holds the process id (-pidfile).</summary>
    public string? PidFile { get; init; }

    /// <summary>Whether the program continues in the background once it is ready (-daemonize).</summary>
    public bool Daemonize { get; init; }

    /// <summary>The descriptor by which a program in the background reports that it is ready; null if it is none.</summary>
    public Microsoft.Win32.SafeHandles.SafeFileHandle? Ready { get; init; }

    /// <summary>File that the log goes to instead of stderr (-D).</summary>
    public string? LogFile { get; init; }

    /// <summary>Parts that log in detail (-d): names from <see cref="LogItem.Known"/>, each once.</summary>
    public IReadOnlyList<string> LogItems { get; init; } = [];

    /// <summary>Whether messages begin with the time (-msg timestamp=on).</summary>
    public bool TimestampMessages { get; init; }

    /// <summary>Whether the migration capability "events" is on from the start (-global migration.x-events=on).</summary>
    public bool MigrationEvents { get; init; }
}
