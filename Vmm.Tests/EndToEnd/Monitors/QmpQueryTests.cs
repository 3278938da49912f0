using System.Text.Json;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Monitors;

/// <summary>What queries report of a machine, against what is so.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class QmpQueryTests : EndToEndTest
{
    private const string Uuid = "01234567-89ab-cdef-0123-456789abcdef";

    private VmmProcess _vmm = null!;
    private QmpClient _qmp = null!;

    [SetUp]
    public async Task Boot()
    {
        _vmm = await StartAsync(TinyMachine.Booting(
            "smp", "-name", "guest=tiny,debug-threads=on", "-uuid", Uuid, "-smp", "2", "-serial", "file:serial.out"));
        _qmp = await OpenQmpAsync(_vmm);
    }

    [Test]
    public async Task Query_version_reports_the_protocol_level_and_the_program()
    {
        var version = await _qmp.ExecuteAsync("query-version");

        Assert.That(version.GetProperty("qemu").GetRawText(), Is.EqualTo("""{"major":10,"minor":2,"micro":0}"""));
        Assert.That(version.GetProperty("package").GetString(), Does.StartWith("vmm "));
    }

    [TestCase("query-name", """{"name":"tiny"}""")]
    [TestCase("query-uuid", $$"""{"UUID":"{{Uuid}}"}""")]
    [TestCase("query-kvm", """{"enabled":true,"present":true}""")]
    [TestCase("query-target", """{"arch":"x86_64"}""")]
    [TestCase("query-status", """{"status":"running","running":true}""")]
    [TestCase("query-migrate", "{}")]
    public async Task Simple_queries(string command, string expected)
    {
        var answer = await _qmp.ExecuteAsync(command);

        Assert.That(JsonElement.DeepEquals(answer, JsonElement.Parse(expected)), Is.True, answer.GetRawText());
    }

    [Test]
    public async Task Query_cpus_fast_names_the_threads_that_run_the_vcpus()
    {
        var cpus = (await _qmp.ExecuteAsync("query-cpus-fast")).EnumerateArray().ToList();

        var threads = cpus.ConvertAll(cpu => cpu.GetProperty("thread-id").GetInt32());
        Assert.Multiple(() =>
        {
            Assert.That(cpus.Select(cpu => cpu.GetProperty("cpu-index").GetInt32()), Is.EqualTo(new[] { 0, 1 }));
            Assert.That(cpus.Select(cpu => cpu.GetProperty("qom-path").GetString()), Is.EqualTo(new[] { "/machine/cpu[0]", "/machine/cpu[1]" }));
            Assert.That(cpus.Select(cpu => cpu.GetProperty("target").GetString()), Has.All.EqualTo("x86_64"));
            Assert.That(threads, Is.Unique.And.None.EqualTo(_vmm.Pid));
        });
        foreach (int thread in threads)
        {
            Assert.That(await File.ReadAllTextAsync($"/proc/{_vmm.Pid}/task/{thread}/comm"), Does.Contain("CPU"), "debug-threads=on");
        }
    }

    [Test]
    public async Task Query_memory_size_summary_reports_the_ram()
    {
        var memory = await _qmp.ExecuteAsync("query-memory-size-summary");

        Assert.That(memory.GetProperty("base-memory").GetInt64(), Is.EqualTo(TinyMachine.RamSize));
    }

    [Test]
    public async Task Query_memdev_reports_the_back_end()
    {
        var backend = (await _qmp.ExecuteAsync("query-memdev")).EnumerateArray().Single();

        Assert.Multiple(() =>
        {
            Assert.That(backend.GetProperty("id").GetString(), Is.EqualTo("ram0"));
            Assert.That(backend.GetProperty("size").GetInt64(), Is.EqualTo(TinyMachine.RamSize));
            Assert.That(backend.GetProperty("share").GetBoolean(), Is.True);
            Assert.That(backend.GetProperty("prealloc").GetBoolean(), Is.False);
            Assert.That(backend.GetProperty("merge").GetBoolean(), Is.False);
            Assert.That(backend.GetProperty("reserve").GetBoolean(), Is.True);
        });
    }

    [TestCase("off", false)]
    [TestCase("on", true)]
    public async Task Query_memdev_reports_ram_that_the_machine_made_for_itself(string share, bool shared)
    {
        var vmm = await StartAsync(new ArgumentList
        {
            { "-machine", $"aux-ram-share={share}" }, { "-m", "16M" }, "-nodefaults", { "-kernel", ProgramFixture.Host.TinyGuest("counter") },
        }.With(TinyMachine.Monitor("own.qmp")));
        var qmp = await OpenQmpAsync(vmm, "own.qmp");

        var backend = (await qmp.ExecuteAsync("query-memdev")).EnumerateArray().Single();
        string own = (await qmp.ExecuteAsync("query-machines"))[0].GetProperty("default-ram-id").GetString()!;

        Assert.That(backend.GetProperty("id").GetString(), Is.EqualTo(own));
        Assert.That(backend.GetProperty("size").GetInt64(), Is.EqualTo(16 << 20));
        Assert.That(backend.GetProperty("share").GetBoolean(), Is.EqualTo(shared));
    }

    [Test]
    public async Task Query_machines_knows_microvm_and_its_default_ram()
    {
        var machine = (await _qmp.ExecuteAsync("query-machines")).EnumerateArray().Single(m => m.GetProperty("name").GetString() == "microvm");

        Assert.Multiple(() =>
        {
            Assert.That(machine.GetProperty("is-default").GetBoolean(), Is.True);
            Assert.That(machine.GetProperty("default-ram-id").GetString(), Is.EqualTo("microvm.ram"));
            Assert.That(machine.GetProperty("cpu-max").GetInt32(), Is.GreaterThanOrEqualTo(64));
            Assert.That(machine.GetProperty("acpi").GetBoolean(), Is.True);
        });
    }

    [Test]
    public async Task Query_chardev_lists_the_back_ends_of_devices_and_of_monitors()
    {
        var chardevs = (await _qmp.ExecuteAsync("query-chardev")).EnumerateArray()
            .ToDictionary(c => c.GetProperty("label").GetString()!, c => c.GetProperty("filename").GetString()!);

        Assert.That(chardevs, Does.ContainKey("compat_monitor0").And.ContainKey("serial0"));
        Assert.That(chardevs["serial0"], Does.StartWith("file"));
        Assert.That(chardevs["compat_monitor0"], Is.EqualTo("unix:a.qmp,server=on"));
    }

    [Test]
    public async Task Query_chardev_reports_whether_a_monitor_has_a_client()
    {
        var vmm = await StartAsync(TinyMachine.Silent("counter").With([.. TinyMachine.Monitor("used.qmp"), .. TinyMachine.Monitor("free.qmp")]));
        var qmp = await OpenQmpAsync(vmm, "used.qmp");

        var names = (await qmp.ExecuteAsync("query-chardev")).EnumerateArray().Select(c => c.GetProperty("filename").GetString());

        Assert.That(names, Is.EqualTo(new[] { "unix:used.qmp,server=on", "disconnected:unix:free.qmp,server=on" }));
    }

    [Test]
    [Promise(39)]
    public async Task Query_commands_lists_what_the_schema_lists()
    {
        var commands = (await _qmp.ExecuteAsync("query-commands")).EnumerateArray().Select(c => c.GetProperty("name").GetString());
        var schema = (await _qmp.ExecuteAsync("query-qmp-schema")).EnumerateArray()
            .Where(entry => entry.GetProperty("meta-type").GetString() == "command").Select(entry => entry.GetProperty("name").GetString());

        Assert.That(commands, Is.EquivalentTo(schema).And.SupersetOf(new[] { "migrate", "query-status", "getfd", "quit" }));
    }

    [Test]
    public async Task A_pty_is_found_through_query_chardev_and_carries_the_serial_port()
    {
        var vmm = await StartAsync(TinyMachine.Silent("echo").With([.. TinyMachine.Monitor("pty.qmp"), "-chardev", "pty,id=charserial0", "-serial", "chardev:charserial0"]));
        var qmp = await OpenQmpAsync(vmm, "pty.qmp");

        var chardev = (await qmp.ExecuteAsync("query-chardev")).EnumerateArray().Single(c => c.GetProperty("label").GetString() == "charserial0");

        string name = chardev.GetProperty("filename").GetString()!;
        Assert.That(name, Does.StartWith("pty:/dev/pts/"));
        Assert.That(File.Exists(name["pty:".Length..]), Is.True);
        await qmp.ExecuteAsync("quit");
        using var output = new StreamReader(vmm.Output);
        Assert.That(await output.ReadToEndAsync(), Is.EqualTo($"char device redirected to {name["pty:".Length..]} (label charserial0)\n"), "reported once");
    }
}
