using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Running;

/// <summary>What the program says to a command line that it cannot run, and to those that only ask.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CommandLineTests : EndToEndTest
{
    /// <summary>Where counter.elf's loadable segment ends in the file.</summary>
    private const int EndOfCode = 0xb0 + 0x28;

    [TestCase("-hda", "x")]
    [TestCase("--no-such-option", "")]
    [TestCase("-vnc", ":0")]
    public async Task An_unknown_option_is_named(string option, string value)
    {
        var result = await RunAsync(option, value);

        ExpectOneLine(result, $"vmm: {option}: invalid option");
    }

    [TestCase("-m", "nonsense")]
    [TestCase("-smp", "0")]
    [TestCase("-machine", "q35")]
    [TestCase("-cpu", "pentium9")]
    [TestCase("-cpu", "host,+bogus")]
    [TestCase("-device", "virtio-blk-pci")]
    [TestCase("-incoming", "nowhere")]
    [TestCase("-cpr-uri", "tcp:localhost:1")]
    public async Task A_bad_value_is_named_with_its_option(string option, string value)
    {
        var result = await RunAsync(option, value);

        ExpectOneLine(result, $"vmm: {option}", value);
    }

    [Test]
    public async Task Another_accelerator_than_kvm() => ExpectOneLine(await RunAsync("-accel", "tcg"), "invalid accelerator tcg");

    [TestCase("-pidfile", "/nowhere/vmm.pid", "cannot create PID file: '/nowhere/vmm.pid': No such file or directory")]
    [TestCase("-D", "/nowhere/vmm.log", "cannot open log file: '/nowhere/vmm.log': No such file or directory")]
    [TestCase("-serial", "file:/nowhere/out", "chardev 'serial0': open '/nowhere/out': No such file or directory")]
    [TestCase("-serial", "unix:/nowhere/out", "chardev 'serial0': Failed to connect to '/nowhere/out': No such file or directory")]
    [TestCase("-qmp", "unix:/nowhere/qmp", "chardev 'compat_monitor0': Failed to connect to '/nowhere/qmp': No such file or directory")]
    public async Task A_place_that_cannot_be_opened_is_named_with_what_it_is_for(string option, string value, string error)
    {
        var result = await RunAsync(TinyMachine.Silent("counter").With(option, value));

        ExpectOneLine(result);
        Assert.That(result.Errors, Is.EqualTo($"vmm: {error}\n"));
    }

    [Test]
    public async Task An_inherited_descriptor_that_is_not_there()
    {
        var result = await RunAsync(TinyMachine.Silent("counter").With(
            "-chardev", "socket,id=m,fd=99999,server=on,wait=off", "-mon", "chardev=m,mode=control"));

        ExpectOneLine(result, "chardev 'm': fd=99999 is no inherited descriptor: Bad file descriptor");
    }

    [Test]
    public async Task A_kernel_that_is_not_there()
    {
        ExpectOneLine(await RunAsync(TinyMachine.Headless("missing.elf")), "missing.elf", "No such file");
    }

    [Test]
    public async Task A_file_that_is_no_kernel()
    {
        await File.WriteAllTextAsync(InFolder("notes.txt"), string.Concat(Enumerable.Repeat("not a kernel\n", 1000)));

        ExpectOneLine(await RunAsync(TinyMachine.Headless("notes.txt")), "notes.txt");
    }

    /// <summary>Cut before, in and after the ELF header, and one byte before the end of what would be loaded.</summary>
    [TestCase(0)]
    [TestCase(20)]
    [TestCase(100)]
    [TestCase(EndOfCode - 1)]
    public async Task A_kernel_that_was_cut_off(int length)
    {
        byte[] kernel = await File.ReadAllBytesAsync(Host.TinyGuest("counter"));
        await File.WriteAllBytesAsync(InFolder("cut.elf"), kernel[..length]);

        ExpectOneLine(await RunAsync(TinyMachine.Headless("cut.elf")), "cut.elf");
    }

    [Test]
    public async Task A_folder_is_no_kernel()
    {
        Directory.CreateDirectory(InFolder("folder"));

        ExpectOneLine(await RunAsync(TinyMachine.Headless("folder")), "folder");
    }

    [Test]
    public async Task A_kernel_that_does_not_fit_into_ram()
    {
        var result = await RunAsync("-m", "1M", "-nodefaults", "-kernel", Host.TinyGuest("counter"));

        ExpectOneLine(result, "counter.elf");
    }

    [Test]
    public async Task An_initrd_that_does_not_fit_into_ram()
    {
        await using (var file = File.Create(InFolder("big.initrd")))
        {
            file.SetLength(64 << 20);
        }

        var result = await RunAsync(TinyMachine.Silent("counter").With("-initrd", "big.initrd"));

        ExpectOneLine(result, "big.initrd");
    }

    [Test]
    public async Task A_backend_of_another_size_than_m()
    {
        var result = await RunAsync(
            "-m", "32M", "-object", "memory-backend-memfd,id=ram0,size=16M,share=on", "-machine", "memory-backend=ram0",
            "-kernel", Host.TinyGuest("counter"));

        ExpectOneLine(result, "-m", "16777216", "33554432");
    }

    [Test]
    public async Task A_monitor_path_that_is_taken_by_a_live_listener()
    {
        var vmm = await StartAsync(TinyMachine.Booting("counter"));
        await OpenQmpAsync(vmm);

        ExpectOneLine(await RunAsync(TinyMachine.Booting("counter")), TinyMachine.Qmp);
    }

    [Test]
    public async Task A_stale_socket_file_is_replaced()
    {
        DeafPeer.LeaveStale(InFolder(TinyMachine.Qmp));

        var vmm = await StartAsync(TinyMachine.Booting("counter"));

        await OpenQmpAsync(vmm);
    }

    [Test]
    public async Task Incoming_from_where_no_stream_can_come_is_refused_in_one_line()
    {
        ExpectOneLine(await RunAsync(TinyMachine.Silent("counter").With("-incoming", "vsock:1:2")), "vsock:1:2", "expected file:, exec:, fd:, unix: or tcp:");
    }

    [TestCase("-version")]
    [TestCase("--version")]
    public async Task Version_names_the_program(string option)
    {
        var result = await RunAsync(option);

        Assert.That((result.Status, result.Errors), Is.EqualTo((0, "")));
        Assert.That(result.Output, Does.Match(@"^vmm version \d+\.\d+\.\d+\n$"));
    }

    [TestCase("-h")]
    [TestCase("-help")]
    [TestCase("--help")]
    public async Task Help_lists_the_options(string option)
    {
        var result = await RunAsync(option);

        Assert.That((result.Status, result.Errors), Is.EqualTo((0, "")));
        Assert.That(result.Output, Does.Contain("\n-machine ").And.Contain("\n-incoming ").And.Contain("\n-cpr-uri ").And.Contain("\n-qmp "));
    }

    private static void ExpectOneLine(CommandResult result, params string[] parts)
    {
        Assert.Multiple(() =>
        {
            Assert.That(result.Status, Is.EqualTo(1), result.Errors);
            Assert.That(result.Output, Is.Empty);
            Assert.That(result.Errors.TrimEnd('\n'), Does.Not.Contain("\n").And.StartsWith("vmm: "));
            foreach (string part in parts)
            {
                Assert.That(result.Errors, Does.Contain(part));
            }
        });
    }
}
