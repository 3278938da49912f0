using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qapi;

/// <summary>Handlers of the real schema that note what arrives and answer what a test has laid out.</summary>
internal sealed class RecordingHandlers : IControlCommands, IRunStateCommands, IMachineCommands, ICharCommands, IMigrationCommands, IMiscCommands, IIntrospectCommands
{
    internal List<object?> Received { get; } = [];

    internal MigrationInfo Migration { get; set; } = new();

    internal string Text { get; set; } = "";

    /// <summary>Runs a command by name.</summary>
    /// <returns>The JSON of the reply's <c>return</c>, or the error's text.</returns>
    internal async Task<string> Invoke(string command, string arguments = "")
    {
        var result = new ArrayBufferWriter<byte>();
        var all = new CommandHandlers { Control = this, RunState = this, Machine = this, Block = new RecordingBlock(Received), Char = this, Migration = this, Misc = this, Introspect = this, Net = new RecordingNet(Received), Stats = new RecordingStats(Received), Qdev = new QdevCommands(), Qom = new QomCommands(machine: null!) };
        try
        {
            await QapiCommands.All[command].InvokeAsync(all, new NoSession(), Encoding.UTF8.GetBytes(arguments), result);
        }
        catch (QmpException e)
        {
            return $"{e.ErrorClass}: {e.Description}";
        }
        return Encoding.UTF8.GetString(result.WrittenSpan);
    }

    public ValueTask QmpCapabilities(CommandContext context, IReadOnlyList<QMPCapability>? enable) => Note(enable);

    public ValueTask<VersionInfo> QueryVersion(CommandContext context) =>
        new(new VersionInfo { Qemu = new() { Major = 10, Minor = 0, Micro = 0 }, Package = Text });

    public ValueTask<IReadOnlyList<CommandInfo>> QueryCommands(CommandContext context) =>
        new([.. QapiCommands.Names.Select(name => new CommandInfo { Name = name })]);

    public ValueTask Quit(CommandContext context) => Note("quit");

    public ValueTask<StatusInfo> QueryStatus(CommandContext context) => new(new StatusInfo { Running = false, Status = RunState.Postmigrate });

    public ValueTask Stop(CommandContext context) => Note("stop");

    public ValueTask Cont(CommandContext context) => throw QmpException.GenericError("Guest is waiting for an incoming migration");

    public ValueTask SystemReset(CommandContext context) => Note("reset");

    public ValueTask SystemPowerdown(CommandContext context) => Note("powerdown");

    public ValueTask<TargetInfo> QueryTarget(CommandContext context) => new(new TargetInfo { Arch = SysEmuTarget.X86_64 });

    public ValueTask<NameInfo> QueryName(CommandContext context) => new(new NameInfo());

    public ValueTask<UuidInfo> QueryUuid(CommandContext context) => new(new UuidInfo { Uuid = Guid.Empty.ToString() });

    public ValueTask<KvmInfo> QueryKvm(CommandContext context) => new(new KvmInfo { Enabled = true, Present = true });

    public ValueTask<IReadOnlyList<CpuInfoFast>> QueryCpusFast(CommandContext context) =>
        new([new CpuInfoFast { CpuIndex = 0, QomPath = "/machine/cpu[0]", ThreadId = 7, Target = SysEmuTarget.X86_64 }]);

    public ValueTask<IReadOnlyList<IOThreadInfo>> QueryIothreads(CommandContext context) =>
        new([new IOThreadInfo { Id = "t", ThreadId = 7, PollMaxNs = 32768, PollGrow = 0, PollShrink = 0, AioMaxBatch = 0 }]);

    public ValueTask<IReadOnlyList<MachineInfo>> QueryMachines(CommandContext context) => new([]);

    public ValueTask<MemoryInfo> QueryMemorySizeSummary(CommandContext context) => new(new MemoryInfo { BaseMemory = 1 });

    public ValueTask<IReadOnlyList<Memdev>> QueryMemdev(CommandContext context) => new([]);

    public ValueTask<IReadOnlyList<ChardevInfo>> QueryChardev(CommandContext context) => new([]);

    public ValueTask<IReadOnlyList<ChardevBackendInfo>> QueryChardevBackends(CommandContext context) => new([]);

    public ValueTask ChardevSendBreak(CommandContext context, string id) => Note(id);

    public ValueTask<ChardevReturn> ChardevAdd(CommandContext context, string id, ChardevBackend backend)
    {
        Received.AddRange([id, backend]);
        return new(new ChardevReturn());
    }

    public ValueTask<ChardevReturn> ChardevChange(CommandContext context, string id, ChardevBackend backend) => new(new ChardevReturn { Pty = "/dev/pts/7" });

    public ValueTask ChardevRemove(CommandContext context, string id) => Note(id);

    public ValueTask RingbufWrite(CommandContext context, string device, string data, DataFormat? format) => Note(device, data, format);

    public ValueTask<string> RingbufRead(CommandContext context, string device, long size, DataFormat? format) => new(Text);

    public ValueTask<MigrationInfo> QueryMigrate(CommandContext context) => new(Migration);

    public ValueTask MigrateSetCapabilities(CommandContext context, IReadOnlyList<MigrationCapabilityStatus> capabilities) => Note([.. capabilities]);

    public ValueTask<IReadOnlyList<MigrationCapabilityStatus>> QueryMigrateCapabilities(CommandContext context) => new([]);

    public ValueTask MigrateSetParameters(CommandContext context, MigrateSetParameters arguments) => Note(arguments);

    public ValueTask<MigrationParameters> QueryMigrateParameters(CommandContext context) => new(new MigrationParameters
    {
        Mode = MigMode.Normal,
        CprUri = "",
        CprExecCommand = [],
        CprConnectTimeout = 1,
        CprPlanTimeout = 2,
        CprReadyTimeout = 3,
        CprStateTimeout = 4,
        CprDrainTimeout = 8,
        CprLoadTimeout = 5,
        CprAcknowledgeTimeout = 6,
        CprPrefaultBudget = 50,
    });

    public ValueTask Migrate(CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels, bool? detach, bool? resume) =>
        Note([uri, .. channels ?? [], detach, resume]);

    public ValueTask<CprPreflight> XCprPreflight(CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels) =>
        new(new CprPreflight { WouldSucceed = false, Reasons = [uri ?? "no uri"] });

    public ValueTask MigrateIncoming(CommandContext context, string? uri, IReadOnlyList<MigrationChannel>? channels) => Note(uri);

    public ValueTask MigrateCancel(CommandContext context) => Note("cancel");

    public ValueTask<string> HumanMonitorCommand(CommandContext context, string commandLine, long? cpuIndex) => new(Text);

    public ValueTask Getfd(CommandContext context, string fdname) => Note(fdname);

    public ValueTask Closefd(CommandContext context, string fdname) => Note(fdname);

    public ValueTask QueryQmpSchema(CommandContext context, IBufferWriter<byte> result)
    {
        result.Write(QapiIntrospection.Json);
        return default;
    }

    private ValueTask Note(params IEnumerable<object?> what)
    {
        Received.AddRange(what);
        return default;
    }

    private sealed class NoSession : CommandContext
    {
        public override bool IsOob => false;

        public override void EnableCapabilities(IReadOnlyList<QMPCapability> capabilities)
        {
        }

        public override SafeHandle? TakeReceivedDescriptor() => null;
    }
}
