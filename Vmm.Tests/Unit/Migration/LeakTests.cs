using System.Globalization;
using Vmm.Core.Descriptors;
using Vmm.Core.Hypervisors;
using Vmm.Migration.Channels;

namespace Vmm.Tests.Unit.Migration;

/// <summary>What an attempt opens is closed, however it ends. The only tests in the process while they run.</summary>
[NonParallelizable]
public sealed class LeakTests
{
    private static readonly Dictionary<string, Func<HandoverFixture, Task>> Scenarios = new()
    {
        ["a handover"] = async fixture => await fixture.HandOverAsync(fixture.Old(), fixture.New()),
        ["a refused plan"] = async fixture =>
        {
            var next = fixture.New(fixture.Configuration with { RamSize = 8 << 20 });
            await fixture.MigrateAsync(fixture.Old());
            await next.Events.Of("INCOMING FAILED");
        },
        ["a machine that cannot be built"] = async fixture =>
        {
            var next = fixture.New();
            next.Hypervisor.RefuseCreate = "no";
            await fixture.MigrateAsync(fixture.Old());
            await next.Events.Of("INCOMING FAILED");
        },
        ["a state that cannot be applied"] = async fixture =>
        {
            var next = fixture.New();
            next.Hypervisor.RefuseApply = static () => new HypervisorException("no");
            await fixture.MigrateAsync(fixture.Old());
            await next.Events.Of("INCOMING FAILED");
        },
        ["a cancelled attempt"] = async fixture =>
        {
            var old = fixture.Old();
            var next = fixture.Deferred();
            old.Migrate(fixture.Channels);
            await next.HasBuilt();
            old.Do(old.Migrator.Cancel);
            await HandoverFixture.EndOf(old);
            await next.Events.Of("failed");
        },
        ["a cpr path without a listener"] = fixture =>
        {
            var old = fixture.Old();
            Assert.That(() => old.Migrate(fixture.Channels), Throws.Exception);
            return Task.CompletedTask;
        },
        ["a peer that dies after the state"] = async fixture =>
        {
            using var peer = new PeerAsNew(fixture);
            var old = fixture.Old();
            old.Migrate(fixture.Channels);
            await peer.AcceptState();
            peer.Cpr.HangUp();
            await HandoverFixture.EndOf(old);
        },
        ["a peer that sends unwanted descriptors"] = async fixture =>
        {
            var old = fixture.Old();
            var next = fixture.Deferred();
            using (var peer = new PeerAsOld(fixture, old))
            {
                await peer.Handshake();
                for (int i = 1; i < ProtocolLimits.MessagesBeforePlan; i++)
                {
                    int batch = i;
                    await peer.SendDescriptors(
                        [.. Enumerable.Range(0, 10).Select(n => new HandoverDescriptor($"unwanted/{batch}/{n}", peer.Baton.File))]);
                }

                await peer.SendDescriptors([peer.HandoverDescriptors[0], peer.HandoverDescriptors[0]]);
                await peer.Cpr.Receive(MessageType.Refused);
            }
        },
    };

    private static IEnumerable<string> Names => Scenarios.Keys;

    [Test]
    [Promise(13)]
    public async Task No_descriptor_and_no_path_is_left_after([ValueSource(nameof(Names))] string scenario)
    {
        await Play(scenario);
        var before = Descriptors();
        for (int i = 0; i < 3; i++)
        {
            await Play(scenario);
        }

        var after = before;
        var timeout = Environment.TickCount64 + 10_000;
        do
        {
            // Hardware of a guest that left is closed off the machine loop, some time later.
            await Task.Yield();
            after = Descriptors();
        }
        while (after.Count > before.Count && Environment.TickCount64 < timeout);

        Assert.That(after, Has.Count.LessThanOrEqualTo(before.Count), $"new: {string.Join(", ", after.Except(before))}");
    }

    private static async Task Play(string scenario)
    {
        using var fixture = new HandoverFixture();
        await Scenarios[scenario](fixture);
        fixture.DisposeHosts();
        Assert.That(fixture.Files.Names, Is.EqualTo(new[] { "kernel", "serial" }));
    }

    /// <summary>
    /// What this process has open, but for the assemblies: the runtime opens one when code first needs it, on whichever thread, and keeps it
    /// open.
    /// </summary>
    private static List<string> Descriptors()
    {
        var open = new List<string>();
        foreach (string link in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
        {
            if (int.TryParse(Path.GetFileName(link), CultureInfo.InvariantCulture, out int number)
                && new FileInfo(link).LinkTarget is { } target
                && !target.StartsWith("/proc/", StringComparison.Ordinal)
                && !target.EndsWith(".dll", StringComparison.Ordinal))
            {
                open.Add($"{number} {target}");
            }
        }

        return open;
    }
}
