using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>What the demo's guest gets for a network, and its client, on this machine with programs of a test's own in front.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class GuestNetworkTests : IDisposable
{
    private readonly DirectoryInfo _programs = Directory.CreateTempSubdirectory("vmm-lab-");

    public void Dispose() => _programs.Delete(recursive: true);

    [TestCase("exit 0", "exit 1", "a tap")]
    [TestCase("exit 1", "exit 0", "a tap")]
    [TestCase("exit 1", "exit 1", "passt")]
    public async Task A_tap_is_used_where_one_can_be_made(string ip, string tunctl, string network)
    {
        await using var host = await HostAsync(("ip", ip), ("tunctl", tunctl));

        Assert.That((await GuestNetwork.OfAsync(host)).Name, Is.EqualTo(network));
    }

    [Test]
    public async Task A_client_that_gets_nothing_is_ended()
    {
        string id = Path.Combine(_programs.FullName, "id");
        await using var host = await HostAsync(("fetch", $"echo $$ > {id}; echo no connection; exec sleep 1000"));

        Assert.That(
            async () => await StreamClient.ConnectAsync(host, GuestNetwork.OnPasst(1)),
            Throws.TypeOf<IOException>().With.Message.EqualTo("the download of the guest's stream ended: no connection"));

        Assert.That(() => Directory.Exists($"/proc/{File.ReadAllText(id).Trim()}"), Is.False.After(30_000, 10));
    }

    /// <summary>The programs are written by another process: one that this process has open for writing cannot be run.</summary>
    private async Task<Prepared> HostAsync(params (string Name, string Script)[] programs)
    {
        var host = new Prepared(_programs.FullName);
        foreach (var (name, script) in programs)
        {
            string path = Shell.Quote(Path.Combine(_programs.FullName, name));
            await host.RunAsync($"printf '#!/bin/sh\\n%s\\n' {Shell.Quote(script)} > {path}; chmod 755 {path}");
        }

        return host;
    }

    /// <summary>This machine with a folder in front of its path.</summary>
    private sealed class Prepared(string programs) : IHost
    {
        private readonly LocalHost _host = new();

        public string Name => _host.Name;

        public string VmmPath => _host.VmmPath;

        public string GuestKernel => _host.GuestKernel;

        public string GuestInitramfs => _host.GuestInitramfs;

        public string GuestDisk => _host.GuestDisk;

        public string ClockReader => _host.ClockReader;

        public string StreamClient => Path.Combine(programs, "fetch");

        public string TinyGuest(string name) => _host.TinyGuest(name);

        public Task<IHostProcess> StartAsync(string command, CancellationToken cancellation = default) =>
            _host.StartAsync($"PATH={programs}:$PATH; {command}", cancellation);

        public Task<HostStream> ConnectAsync(string unixPath, CancellationToken cancellation = default) => _host.ConnectAsync(unixPath, cancellation);

        public ValueTask DisposeAsync() => _host.DisposeAsync();
    }
}
