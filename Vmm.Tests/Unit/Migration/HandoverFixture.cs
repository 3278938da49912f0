using Vmm.Core.Configuration;
using Vmm.Migration;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>Any number of "processes" that hand one guest on, and the paths that they meet at.</summary>
internal sealed class HandoverFixture : IDisposable
{
    private static readonly string[] Ends = ["completed", "failed", "cancelled"];

    private readonly List<MachineHost> _hosts = [];

    internal MachineFiles Files { get; } = new();

    internal GuestOwnership Ownership { get; } = new();

    internal MachineConfiguration Configuration => Files.Configuration;

    internal string CprPath => Files.Path("cpr");

    internal string MainPath => Files.Path("main");

    /// <summary>The channel form: both channels in the command.</summary>
    internal MigrationTarget Channels => MigrationTarget.FromChannels([(false, new UnixAddress(MainPath)), (true, new UnixAddress(CprPath))]);

    /// <summary>The URI form: the cpr channel is a parameter.</summary>
    internal MigrationTarget Uri => MigrationTarget.FromUri($"unix:{MainPath}");

    /// <summary>A process without hardware.</summary>
    internal MachineHost Host(MachineConfiguration? configuration = null)
    {
        var host = new MachineHost(configuration ?? Configuration, Ownership);
        _hosts.Add(host);
        return host;
    }

    /// <summary>A process that runs the guest and is set to hand it on.</summary>
    internal MachineHost Old(MachineConfiguration? configuration = null)
    {
        var old = Host(configuration);
        old.Do(old.Machine.PowerOn);
        old.Set(p => p with { Mode = MigrationMode.CprTransfer });
        old.Events.Clear();
        return old;
    }

    /// <summary>A process that waits for the guest on both channels.</summary>
    internal MachineHost New(MachineConfiguration? configuration = null)
    {
        var next = Host(configuration);
        next.AwaitGuest(CprPath, MainPath);
        return next;
    }

    /// <summary>A process that waits for the guest and for migrate-incoming.</summary>
    internal MachineHost Deferred(MachineConfiguration? configuration = null)
    {
        var next = Host(configuration);
        next.AwaitGuest(CprPath, null);
        return next;
    }

    /// <summary>Migrates and waits for the end, in the old process.</summary>
    internal async Task<string> MigrateAsync(MachineHost old, MigrationTarget? target = null)
    {
        old.Events.Clear();
        old.Migrate(target ?? Channels);
        return await EndOf(old);
    }

    /// <summary>Hands the guest to the next process and lets that be set to hand it on.</summary>
    internal async Task HandOverAsync(MachineHost old, MachineHost next, MigrationTarget? target = null)
    {
        Assert.That(await MigrateAsync(old, target), Is.EqualTo("completed"), old.Report.Error);
        await next.Events.Of("completed");
    }

    internal static Task<string> EndOf(MachineHost host) => host.Events.Of(Ends);

    /// <summary>The guest runs in exactly this process and never ran in two.</summary>
    internal void AssertRunsIn(MachineHost owner)
    {
        Assert.Multiple(() =>
        {
            Assert.That(owner.Ask(m => m.State), Is.EqualTo(Core.Machines.RunState.Running));
            Assert.That(owner.Hypervisor.Machines.Count(m => m.IsRunning), Is.EqualTo(1), "VMs that run in the owner");
            Assert.That(Ownership.Running, Is.EqualTo(1), "VMs that run the guest");
            Assert.That(Ownership.WasShared, Is.False, "two VMs ran the guest at once");
        });
    }

    /// <summary>Ends every process; the files stay.</summary>
    internal void DisposeHosts()
    {
        _hosts.ForEach(h => h.Dispose());
        _hosts.Clear();
    }

    public void Dispose()
    {
        DisposeHosts();
        Files.Dispose();
    }
}
