using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Tests.Unit.Devices;
using static Vmm.Tests.Unit.CommandLine.CommandLines;

namespace Vmm.Tests.Unit.CommandLine;

public sealed class GoodCommandLineTests
{
    [Test]
    public void A_kernel_alone_makes_a_machine_with_qemus_defaults()
    {
        var program = Parse("-kernel vmlinuz");

        var expected = new MachineConfiguration { KernelPath = "vmlinuz" };
        Assert.Multiple(() =>
        {
            Assert.That(program.Action, Is.EqualTo(ProgramAction.Run));
            Assert.That(program.Machine with { Chardevs = [], Devices = [] }, Is.EqualTo(expected with
            {
                Chardevs = [],
                Devices = [],
                MemoryBackends = program.Machine.MemoryBackends,
                Rngs = program.Machine.Rngs,
                Secrets = program.Machine.Secrets,
                BlockNodes = program.Machine.BlockNodes,
                Drives = program.Machine.Drives,
                Netdevs = program.Machine.Netdevs,
                ThrottleGroups = program.Machine.ThrottleGroups,
                IoThreads = program.Machine.IoThreads,
            }));
            Assert.That(program.Machine.RamSize, Is.EqualTo(128 << 20));
            Assert.That(program.Machine.Cpu.Name, Is.EqualTo("host"));
            Assert.That(program.Machine.IsRamShared, Is.False);
            Assert.That(program.Monitors, Is.Empty);
            Assert.That(program.Incoming, Is.Null);
        });
    }

    [TestCase("-m 512", 512UL << 20)]
    [TestCase("-m size=512", 512UL << 20)]
    [TestCase("-m 1G", 1UL << 30)]
    [TestCase("-m 1.5g", 3UL << 29)]
    [TestCase("-m size=131072k", 128UL << 20)]
    [TestCase("-m 0x100", 256UL << 20)]
    [TestCase("-m 1048577b", (1UL << 20) + 8192, Description = "rounded up to 8 KiB")]
    [TestCase("-m 64 -m 96", 96UL << 20)]
    [TestCase("-object memory-backend-memfd,id=mem0,size=1G -machine memory-backend=mem0", 1UL << 30, Description = "the backend says")]
    [TestCase("-object memory-backend-memfd,id=mem0,size=1G -machine memory-backend=mem0 -m 1G", 1UL << 30)]
    public void Ram_sizes(string options, ulong expected) => Assert.That(Machine(options).RamSize, Is.EqualTo(expected));

    [TestCase("-smp 1", 1, 1, 1, 1)]
    [TestCase("-smp 4", 4, 1, 4, 1)]
    [TestCase("-smp cpus=4", 4, 1, 4, 1)]
    [TestCase("-smp 8,sockets=2", 8, 2, 4, 1)]
    [TestCase("-smp 8,cores=2", 8, 4, 2, 1)]
    [TestCase("-smp 8,cores=2,sockets=2", 8, 2, 2, 2)]
    [TestCase("-smp sockets=2,cores=2,threads=2", 8, 2, 2, 2)]
    [TestCase("-smp maxcpus=6,sockets=2", 6, 2, 3, 1)]
    [TestCase("-smp 2,sockets=2,cores=1,threads=1", 2, 2, 1, 1)]
    [TestCase("-smp 2,maxcpus=2,dies=1", 2, 1, 2, 1)]
    [TestCase("-smp 8 -smp sockets=8", 8, 8, 1, 1)]
    [TestCase("-smp 255", 255, 1, 255, 1)]
    public void Topologies(string options, int count, int sockets, int cores, int threads) =>
        Assert.That(Machine(options).Topology, Is.EqualTo(new CpuTopology(count, sockets, cores, threads)));

    [TestCase("-cpu host", "host", "")]
    [TestCase("-cpu max,+avx2", "max", "+avx2")]
    [TestCase("-cpu qemu64,-sse4_1,x2apic=on,svm=off,pku", "qemu64", "-sse4-1 +x2apic -svm +pku")]
    [TestCase("-cpu host,migratable=on", "host", "")]
    public void Cpu_models(string options, string name, string features)
    {
        var cpu = Machine(options).Cpu;
        Assert.That(cpu.Name, Is.EqualTo(name));
        Assert.That(string.Join(' ', cpu.Features.Select(f => (f.Enabled ? "+" : "-") + f.Name)), Is.EqualTo(features));
    }

    [TestCase("-machine microvm")]
    [TestCase("-M type=microvm,accel=kvm")]
    [TestCase("--machine microvm,accel=kvm:tcg,usb=off,graphics=off,pit=on,kernel-irqchip=on")]
    [TestCase("-accel kvm -accel tcg")]
    [TestCase("-accel kvm,kernel-irqchip=on -display none -no-user-config")]
    public void Words_that_change_nothing_are_accepted(string options) =>
        Assert.That(GuestVisibleProperties.Of(Machine(options)), Is.EqualTo(GuestVisibleProperties.Of(Machine(""))));

    [Test]
    public void Repeated_machine_options_add_up_and_the_last_word_counts()
    {
        var machine = Machine("-machine microvm,acpi=off,dump-guest-core=off -M aux-ram-share=on -machine acpi=on,anon-alloc=memfd");

        Assert.That((machine.Acpi, machine.DumpGuestCore, machine.AuxRamShare, machine.AnonAllocMemfd), Is.EqualTo((true, false, true, true)));
    }

    [TestCase("", false)]
    [TestCase("-machine anon-alloc=memfd", true)]
    [TestCase("-machine aux-ram-share=on", true)]
    [TestCase("-machine anon-alloc=mmap", false)]
    [TestCase("-object memory-backend-ram,id=m,size=64M -machine memory-backend=m,aux-ram-share=on", false, Description = "a backend obeys its own share")]
    [TestCase("-object memory-backend-ram,id=m,size=64M,share -machine memory-backend=m", true)]
    [TestCase("-object memory-backend-memfd,id=m,size=64M -machine memory-backend=m", true)]
    [TestCase("-object memory-backend-memfd,id=m,size=64M,share=off -machine memory-backend=m", false)]
    [TestCase("-object memory-backend-shm,id=m,size=64M -machine memory-backend=m", true)]
    [TestCase("-object memory-backend-file,id=m,size=64M,mem-path=/f -machine memory-backend=m", false)]
    public void Ram_is_shared(string options, bool expected) => Assert.That(Machine(options).IsRamShared, Is.EqualTo(expected));

    [Test]
    public void A_memory_backend_in_json_is_the_same_as_in_keys()
    {
        const string Json = """
            -object '{"qom-type":"memory-backend-memfd","id":"ram0","share":true,"size":4194304,"hugetlb":true,"hugetlbsize":2097152,"prealloc":true,"x-use-canonical-path-for-ramblock-id":false}'
            """;
        var keys = Machine("-object memory-backend-memfd,id=ram0,share=on,size=4M,hugetlb=on,hugetlbsize=2M,prealloc=on").MemoryBackends;

        Assert.That(Machine(Json).MemoryBackends, Is.EqualTo(keys));
        Assert.That(keys.Single(), Is.EqualTo(new MemoryBackendConfiguration(MemoryBackendKind.Memfd, "ram0", 4 << 20)
        {
            Share = true,
            Hugetlb = true,
            HugetlbSize = 2 << 20,
            Prealloc = true,
        }));
    }

    [Test]
    public void Kernel_initrd_and_append_are_taken_as_they_are()
    {
        var machine = Parse("-kernel /boot/a,b -initrd /i=1 -append 'console=ttyS0 root=/dev/vda,x'").Machine;

        Assert.That((machine.KernelPath, machine.InitrdPath, machine.KernelCommandLine), Is.EqualTo(("/boot/a,b", "/i=1", "console=ttyS0 root=/dev/vda,x")));
    }

    [Test]
    public void Switches_and_names()
    {
        var machine = Machine("-S -no-reboot -no-shutdown -name guest=vm,,1,debug-threads=on -uuid 01234567-89ab-cdef-0123-456789abcdef");

        Assert.That(
            (machine.StartPaused, machine.NoReboot, machine.NoShutdown, machine.Name, machine.DebugThreads, machine.Uuid),
            Is.EqualTo((true, true, true, "vm,1", true, new Guid("01234567-89ab-cdef-0123-456789abcdef"))));
    }

    [Test]
    public void What_the_process_does_beside_the_machine()
    {
        var program = Parse("-kernel k -pidfile /run/p -D /log -d kvm,qmp,kvm -msg timestamp=on -global migration.x-events=on");

        Assert.That(
            (program.PidFile, program.LogFile, string.Join('+', program.LogItems), program.TimestampMessages, program.MigrationEvents),
            Is.EqualTo(("/run/p", "/log", "kvm+qmp", true, true)));
    }

    [TestCase("-global driver=migration,property=x-events,value=on", true)]
    [TestCase("-global migration.x-events=off", false)]
    public void The_global_option_has_two_forms(string options, bool expected) =>
        Assert.That(Parse("-kernel k " + options).MigrationEvents, Is.EqualTo(expected));

    [TestCase("-h", ProgramAction.ShowHelp)]
    [TestCase("--help -nonsense", ProgramAction.ShowHelp)]
    [TestCase("-m 1G -version", ProgramAction.ShowVersion)]
    [TestCase("--version", ProgramAction.ShowVersion)]
    public void Questions_are_answered_whatever_else_is_said(string options, object expected) =>
        Assert.That(Parse(options).Action, Is.EqualTo(expected));

    [Test]
    public void The_help_names_every_option()
    {
        Assert.That(OptionTable.All.Where(o => !CommandLineHelp.Text.Contains($"\n-{o.Name}", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void Libvirts_way_of_saying_it()
    {
        var program = Parse("""
            -name guest=mk,debug-threads=on -S -machine microvm,usb=off,dump-guest-core=off,memory-backend=ram0,acpi=on -accel kvm
            -cpu host,migratable=on -m size=131072k -object '{"qom-type":"memory-backend-memfd","id":"ram0","share":true,"size":134217728}'
            -smp 2,sockets=2,cores=1,threads=1 -uuid 01234567-89ab-cdef-0123-456789abcdef -display none -no-user-config -nodefaults
            -chardev socket,id=charmonitor,fd=27,server=on,wait=off -mon chardev=charmonitor,id=monitor,mode=control -no-shutdown
            -kernel F -initrd F -append x -chardev pty,id=charserial0 -device isa-serial,chardev=charserial0,id=serial0,index=0
            -incoming defer -msg timestamp=on
            """.ReplaceLineEndings(" "));

        Assert.Multiple(() =>
        {
            Assert.That(program.Machine.Devices, Is.EqualTo(new[] { DeviceOption.Parse("isa-serial,id=serial0,index=0,chardev=charserial0") }));
            Assert.That(program.Monitors, Is.EqualTo(new[] { new MonitorConfiguration("charmonitor", MonitorMode.Control, Pretty: false) }));
            Assert.That(program.Machine.Chardevs[0], Is.EqualTo(new SocketChardevConfiguration("charmonitor") { Descriptor = 27, Server = true, Monitors = 1 }));
            Assert.That(program.Machine.IsRamShared, Is.True);
            Assert.That(program.Incoming!.Main, Is.Null);
        });
    }
}
