// Every name under which something crosses, with every kind of descriptor in the place of what was promised. A hostile or broken peer
// can send any of them: new refuses before the guest is paused, and says why, or it works with what it got.

using Vmm.Tests.Faults.SystemCalls;

namespace Vmm.Tests.Faults.Descriptors;

/// <summary>A descriptor of another kind than what its name promises.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ForeignDescriptorTests
{
    /// <summary>In CI every such kind of each name: so many that each kind is tried with some name.</summary>
    private const int Sampled = 13;

    private const int NetworkSampled = 20;
    private const int NetworkStep = 5;

    private static readonly string[] Names =
    [
        "ram/ram0", "boot/kernel", "boot/initrd", "chardev/client/listener", "chardev/client/connection", "chardev/client/log", "chardev/serial1/file",
        "chardev/serial2/pty", "chardev/ring/ring", "monitor/compat_monitor1/listener", "monitor/compat_monitor2/listener", "pidfile", "log", "baton", "block/uring", "block/threads",
    ];

    [TestCaseSource(nameof(Cases))]
    [TestCaseSource(nameof(NetworkCases))]
    [Promise(44)]
    public async Task It_is_refused_before_the_pause_with_a_reason_or_lived_with(string name, string kind)
    {
        string folder = Directory.CreateTempSubdirectory("vmm-foreign-").FullName;
        try
        {
            using var foreign = ForeignDescriptor.Make(kind, folder);
            using var network = ForeignNetwork.Of(name);
            bool wasSent = false;
            await using var scene = await CallScene.SetAsync(null, spoil: message => DescriptorFault.Spoil(message, (names, sent) =>
            {
                wasSent = names.Contains(name);
                return [.. sent.Select((handle, i) => names[i] == name ? foreign.Handle : handle)];
            }), network: network);
            await scene.UpdateAsync(null);
            var verdict = new CallVerdict(scene, null, null);

            var deviations = await verdict.JudgeAsync();

            Assert.That(deviations, Is.Empty);
            Assert.That(wasSent, "something crosses under this name");
            if (verdict.Owner == scene.Old)
            {
                Assert.That(verdict.Reason, Does.Contain(name).Or.Not.Empty, "the operator reads why");
                Assert.That(scene.Old.Qmp.History.Select(e => e.Name), Does.Not.Contain("STOP"), "the guest was never paused");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What the list of names leaves out would not be tried.</summary>
    [TestCase("netdev/tap/0")]
    [TestCase("netdev/host/connection")]
    public async Task Every_name_that_crosses_is_tried(string oneOfTheNetworks)
    {
        IReadOnlyList<string> crossed = [];
        using var network = ForeignNetwork.Of(oneOfTheNetworks)!;
        await using var scene = await CallScene.SetAsync(
            null,
            spoil: message => DescriptorFault.Spoil(message, (names, sent) =>
            {
                crossed = names;
                return sent;
            }),
            network: network);

        await scene.UpdateAsync(null);

        string[] tried = [.. Names, .. network.Crossing];
        Assert.That(crossed.Where(name => !name.StartsWith("monitor/", StringComparison.Ordinal)), Is.SubsetOf(tried));
        Assert.That(tried, Is.SubsetOf(crossed));
    }

    private static IEnumerable<object[]> Cases() =>
        from name in Names.Index()
        from kind in ForeignDescriptor.Kinds.Index()
        where FaultProgram.IsFullProduct || (name.Index + kind.Index) % Sampled == 0
        select (object[])[name.Item, kind.Item];

    /// <summary>In CI of each name every such kind, others than of the name before.</summary>
    private static IEnumerable<object[]> NetworkCases() =>
        from name in ForeignNetwork.Names.Index()
        from kind in ForeignDescriptor.Kinds.Index()
        where FaultProgram.IsFullProduct || ((name.Index * NetworkStep) + kind.Index) % NetworkSampled == 0
        select (object[])[name.Item, kind.Item];
}
