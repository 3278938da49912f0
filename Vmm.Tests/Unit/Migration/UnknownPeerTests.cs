using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Migration;

/// <summary>
/// Hosts that give no process a descriptor of another: neither pidfd_open nor SO_PEERPIDFD. A disk that the guest writes to goes over only if one of
/// the processes can notice the end of the other.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UnknownPeerTests : IDisposable
{
    private const uint PidFdOpen = 434;
    private const uint GetSocketOption = 55;
    private const uint PeerPidFd = 77;
    private const uint NoSuchCall = 38; // ENOSYS
    private const uint NoSuchOption = 92; // ENOPROTOOPT

    private readonly HandoverFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Test]
    public async Task An_update_with_a_disk_that_is_written_is_refused_if_neither_knows_the_other()
    {
        var (old, next) = Hosts(WithDisk(readOnly: false));
        Hide(old);
        Hide(next);

        Assert.That(await _fixture.MigrateAsync(old), Is.EqualTo("failed"));

        Assert.That(old.Report.Error, Does.Contain(
            $"the guest has a disk that it writes to, and this process has no pidfd of process {Environment.ProcessId}, and none of itself for it"));
        _fixture.AssertRunsIn(old);
    }

    [Test]
    public async Task The_preflight_says_so()
    {
        var (old, next) = Hosts(WithDisk(readOnly: false));
        Hide(old);
        Hide(next);

        var verdict = await old.DoAsync(() => old.Migrator.PreflightAsync(_fixture.Channels));

        Assert.That(verdict.Reasons, Has.Some.Contain("and none of itself for it, by which an end is noticed"));
    }

    [Test]
    public async Task It_is_enough_if_the_new_process_does()
    {
        var (old, next) = Hosts(WithDisk(readOnly: false));
        Hide(old);

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    [Test]
    public async Task A_disk_that_is_only_read_goes_over_all_the_same()
    {
        var (old, next) = Hosts(WithDisk(readOnly: true));
        Hide(old);
        Hide(next);

        await _fixture.HandOverAsync(old, next);

        _fixture.AssertRunsIn(next);
    }

    private static void Hide(MachineHost host) => host.Do(() =>
    {
        SeccompFilter.Refuse(PidFdOpen, NoSuchCall);
        SeccompFilter.Refuse(GetSocketOption, argument: 2, PeerPidFd, NoSuchOption);
    });

    private (MachineHost Old, MachineHost Next) Hosts(MachineConfiguration configuration) => (_fixture.Old(configuration), _fixture.New(configuration));

    private MachineConfiguration WithDisk(bool readOnly)
    {
        string image = _fixture.Files.Path("disk.img");
        File.WriteAllBytes(image, new byte[4096]);
        return _fixture.Configuration with { BlockNodes = [new FileNodeConfiguration("disk", image) { ReadOnly = readOnly }] };
    }
}
