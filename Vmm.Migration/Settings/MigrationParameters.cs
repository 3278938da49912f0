namespace Vmm.Migration.Settings;

/// <summary>The migration parameters. A record is one consistent set; changing some makes a new one.</summary>
public sealed record MigrationParameters
{
    private readonly Words _cprExecCommand = new([]);

    /// <summary>The mode of the next migration.</summary>
    public MigrationMode Mode { get; init; } = MigrationMode.Normal;

    /// <summary>Where the new process listens for cpr-transfer, as unix:PATH; empty when a channel says so instead.</summary>
    public string CprUri { get; init; } = string.Empty;

    /// <summary>The program that this process becomes in cpr-exec, and its arguments, its name first; empty until it is set.</summary>
    public IReadOnlyList<string> CprExecCommand
    {
        get => _cprExecCommand.List;
        init => _cprExecCommand = new([.. value]);
    }

    /// <summary>Milliseconds for the peer to do what costs it nothing: to greet, to take an answer, to give a sign of life while it waits for its operator.</summary>
    public uint CprConnectTimeout { get; init; } = 5_000;

    /// <summary>Milliseconds for the old process to send its plan.</summary>
    public uint CprPlanTimeout { get; init; } = 10_000;

    /// <summary>Milliseconds for the new process to build the machine.</summary>
    public uint CprReadyTimeout { get; init; } = 30_000;

    /// <summary>Milliseconds for the old process to stop the guest and send its state, once it knows that the new one listens.</summary>
    public uint CprStateTimeout { get; init; } = 10_000;

    /// <summary>Milliseconds for requests of the guest's disks that the host has not finished, before the guest is stopped.</summary>
    public uint CprDrainTimeout { get; init; } = 500;

    /// <summary>Milliseconds for the new process to receive, load and take the guest, which is stopped meanwhile.</summary>
    public uint CprLoadTimeout { get; init; } = 2_000;

    /// <summary>Milliseconds for the acknowledgement that the guest was taken to be sent, and to arrive; the guest runs in the new process meanwhile.</summary>
    public uint CprAcknowledgeTimeout { get; init; } = 2_000;

    /// <summary>Milliseconds that the new process may spend on touching the guest's RAM ahead, while the guest runs.</summary>
    public uint CprPrefaultBudget { get; init; } = 50;

    /// <summary>A list that is equal to one of the same words, so that two sets of parameters are.</summary>
    private sealed record Words(IReadOnlyList<string> List)
    {
        public bool Equals(Words? other) => other is not null && List.SequenceEqual(other.List);

        public override int GetHashCode() => List.Aggregate(0, HashCode.Combine);
    }
}
