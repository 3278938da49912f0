using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

[Parallelizable(ParallelScope.All)]
public sealed class HostTests
{
    private static IHost Host => HostFixture.Host;

    [Test]
    public async Task The_host_offers_hardware_virtualization_and_a_kvm_device()
    {
        var flags = await Host.RunAsync("grep -cwE 'svm|vmx' /proc/cpuinfo");
        var opened = await Host.TryRunAsync("exec 3<> /dev/kvm");

        Assert.Multiple(() =>
        {
            Assert.That(int.Parse(flags), Is.GreaterThanOrEqualTo(2), "processors with svm or vmx");
            Assert.That(opened.Status, Is.Zero, opened.Errors);
        });
    }

    [Test]
    public async Task In_the_lab_nothing_runs_on_the_first_processor()
    {
        if (Host is not LabHost)
        {
            Assert.Ignore("not in the lab");
        }

        // Of all commands and what they start: see lab/boot for what happens to a guest there.
        var allowed = await Host.RunAsync("grep -h Cpus_allowed_list: /proc/self/status /proc/1/status /proc/$(pidof vmm | sed 's/.* //')/status | sort -u");

        Assert.That(allowed, Is.EqualTo("Cpus_allowed_list:\t1-2\n"));
    }

    [Test]
    public async Task The_host_has_the_kernel_and_the_guests()
    {
        var listed = await Host.TryRunAsync(
            $"ls {Host.GuestKernel} {Host.GuestInitramfs} {Host.TinyGuest("counter")} {Host.TinyGuest("smp")}");

        Assert.That(listed.Status, Is.Zero, listed.Errors);
    }

    [Test]
    public async Task A_command_gives_its_output_its_errors_and_its_status()
    {
        var result = await Host.TryRunAsync("echo said; echo complained >&2; exit 3");

        Assert.That(result, Is.EqualTo(new CommandResult(3, "said\n", "complained\n")));
    }

    [Test]
    public async Task A_command_that_dies_of_a_signal_gives_128_and_the_signal()
    {
        await using var process = await Host.StartAsync("exec sleep 1000");
        await Host.RunAsync($"kill -KILL {process.Pid}");

        Assert.That(await process.Exited, Is.EqualTo(128 + 9));
    }

    [Test]
    public async Task A_file_of_many_bytes_comes_back_as_it_was_written()
    {
        var folder = await Host.MakeFolderAsync();
        var content = new byte[1_000_003];
        new Random(1).NextBytes(content);

        await Host.WriteFileAsync($"{folder}/file", content);

        Assert.That(await Host.ReadFileAsync($"{folder}/file"), Is.EqualTo(content));
        await Host.RunAsync($"rm -r {folder}");
    }

    [Test]
    public async Task A_unix_socket_is_reached_both_ways_even_when_its_listener_comes_later()
    {
        var folder = await Host.MakeFolderAsync();
        var connecting = Host.ConnectAsync($"{folder}/socket");
        await using var echo = await Host.StartAsync($"exec socat UNIX-LISTEN:{folder}/socket EXEC:cat");
        await using var stream = await connecting.WaitAsync(Timeouts.Answer);

        await stream.WriteAsync("there and back"u8.ToArray());
        var answer = new byte["there and back".Length];
        await stream.ReadExactlyAsync(answer).AsTask().WaitAsync(Timeouts.Answer);

        Assert.That(Encoding.ASCII.GetString(answer), Is.EqualTo("there and back"));
        await Host.RunAsync($"rm -r {folder}");
    }

    [Test]
    public async Task A_disposed_process_has_ended()
    {
        var process = await Host.StartAsync("exec sleep 1000");
        var pid = process.Pid;
        await process.DisposeAsync();

        var gone = await Host.TryRunAsync($"timeout 10 sh -c 'while kill -0 {pid} 2> /dev/null; do :; done'");

        Assert.That(gone.Status, Is.Zero);
    }

    [Test]
    public async Task Bytes_are_stamped_with_the_hosts_own_clock()
    {
        await using var process = await Host.StartAsync("cut -d ' ' -f 1 /proc/uptime");
        var uptime = new byte[32];
        var count = await process.Output.ReadAsync(uptime);

        var monotonic = process.Output.LastRead.Monotonic / 1e9;
        Assert.That(monotonic, Is.EqualTo(double.Parse(Encoding.ASCII.GetString(uptime, 0, count))).Within(2.0), "seconds since the host's boot");
    }
}
