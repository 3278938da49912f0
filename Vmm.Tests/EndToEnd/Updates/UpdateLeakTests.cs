using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>Updates leave nothing behind, in the line's processes and on the disk. Alone, because descriptors that tests pass on are inherited by other processes.</summary>
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class UpdateLeakTests : UpdateTest
{
    private const int Hops = 20;
    private static readonly string[] Guests = ["kvm-vm", "kvm-vcpu", "memfd:ram0", "memory-backend", "serial.out", "counter.elf"];

    [Test]
    [Promise(13)]
    public async Task Twenty_hops_leave_as_many_descriptors_and_threads_as_two_and_no_socket_file()
    {
        var generation = await BootAsync(
            "counter", "-smp", "2", "-serial", "file:serial.out", "-D", "vmm.log",
            "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-serial", "chardev:console");
        var ram = Keep(GuestRam.Of(generation.Process));
        string[] descriptors = [];
        int threads = 0;
        for (int hop = 1; hop <= Hops; hop++)
        {
            var old = generation;
            generation = await HopAsync(generation, hop % 2 == 0 ? UpdateForm.CprUri : UpdateForm.Channels);
            await ram.WaitForProgressAsync();
            await QuitAsync(old);
            if (hop == 2)
            {
                await SettleAsync(generation);
                descriptors = Descriptors(generation);
                threads = Threads(generation);
            }
        }

        await SettleAsync(generation);
        Assert.That(Descriptors(generation), Is.EquivalentTo(descriptors));
        Assert.That(Threads(generation), Is.EqualTo(threads).Within(3), "the runtime's own threads come and go");
        Assert.That(Directory.GetFiles(Folder, "*.vm.sock").Concat(Directory.GetFiles(Folder, "*.cpr.sock")), Is.Empty);
    }

    [Test]
    [Promise(6)]
    public async Task The_old_process_closes_the_hypervisor_and_the_guests_descriptors()
    {
        var old = await BootAsync("counter", "-serial", "file:serial.out");
        var ram = GuestRam.Of(old.Process);
        await ram.DisposeAsync();
        await HopAsync(old);

        await UntilAsync(
            () => !Descriptors(old).Any(name => Guests.Any(part => name.Contains(part, StringComparison.Ordinal))),
            () => string.Join('\n', Descriptors(old)));
    }

    /// <summary>A library that the host lacks, or has no memory for, would end the process that has the guest.</summary>
    [Test]
    public async Task An_update_loads_no_library_into_either_process()
    {
        var old = await BootAsync("counter");
        string[] before = Libraries(old);

        var successor = await HopAsync(old);

        Assert.That(Libraries(old), Is.EqualTo(before));
        Assert.That(Libraries(successor), Is.EqualTo(before));
    }

    [Test]
    [Promise(13)]
    public async Task Failed_attempts_leave_nothing_in_the_old_process()
    {
        var old = await BootAsync("counter");
        string[] after2 = [];
        for (int attempt = 1; attempt <= 20; attempt++)
        {
            string name = $"failed{attempt}";
            using var peer = DeafPeer.Listen(InFolder($"{name}.cpr.sock"));
            await new UpdateRoute(name).AskAsync(old.Qmp);
            (await peer.AcceptAsync()).Dispose();
            await old.ExpectAsync("failed");
            await SettleAsync(old);
            if (attempt == 2)
            {
                after2 = Descriptors(old);
            }
        }

        Assert.That(Descriptors(old), Is.EquivalentTo(after2));
        await HopAsync(old);
    }

    [Test]
    public async Task Two_hundred_back_ends_that_come_change_and_go_leave_no_descriptor_and_no_thread()
    {
        var generation = await BootAsync("counter", "-serial", "null");
        string[] before = Descriptors(generation);
        int threads = Threads(generation);
        for (int i = 0; i < 200; i++)
        {
            string backend = (i % 4) switch
            {
                0 => """{"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "c.sock"}}, "logfile": "c.log"}}""",
                1 => """{"type": "pty", "data": {}}""",
                2 => """{"type": "ringbuf", "data": {"size": 4096}}""",
                _ => """{"type": "file", "data": {"out": "c.out", "logfile": "c.log"}}""",
            };
            await generation.Qmp.ExecuteAsync("chardev-add", $$"""{"id": "c", "backend": {{backend}}}""");
            if (i % 4 == 0)
            {
                await (await generation.Process.ConnectAsync("c.sock")).DisposeAsync();
            }

            await generation.Qmp.ExecuteAsync("chardev-change", """{"id": "serial0", "backend": {"type": "pty", "data": {}}}""");
            await generation.Qmp.ExecuteAsync("chardev-remove", """{"id": "c"}""");
        }

        await generation.Qmp.ExecuteAsync("chardev-change", """{"id": "serial0", "backend": {"type": "null", "data": {}}}""");
        await UntilAsync(() => Descriptors(generation).SequenceEqual(before), () => string.Join('\n', Descriptors(generation).Except(before)));
        await UntilAsync(() => Threads(generation) <= threads + 3, () => $"{Threads(generation)} threads, {threads} before");
    }

    /// <summary>Waits until nothing of the attempt is left to be closed: the old process's end is seen on the cpr channel.</summary>
    private static Task SettleAsync(Generation generation) => UntilAsync(
        () => !Descriptors(generation).Any(name => name.Contains("baton", StringComparison.Ordinal)),
        () => string.Join('\n', Descriptors(generation)));

    private static string[] Descriptors(Generation generation) => ProcessFiles.Of(generation.Process);

    private static string[] Libraries(Generation generation) =>
    [
        .. File.ReadLines($"/proc/{generation.Process.Pid}/maps")
            .Select(line => Path.GetFileName(line))
            .Where(name => name.Contains(".so", StringComparison.Ordinal))
            .Distinct()
            .Order(StringComparer.Ordinal),
    ];

    private static int Threads(Generation generation) => Directory.GetDirectories($"/proc/{generation.Process.Pid}/task").Length;

    private static async Task UntilAsync(Func<bool> condition, Func<string> otherwise)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!condition())
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException(otherwise());
            }

            await Task.Delay(5);
        }
    }
}
