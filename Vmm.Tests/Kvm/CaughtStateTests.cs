namespace Vmm.Tests.Kvm;

/// <summary>What is under way in a vCPU at the very instant at which its state is read.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class CaughtStateTests : IDisposable
{
    private const int NmiPending = 13; // in struct kvm_vcpu_events
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly TinyMemory _memory = new();

    [OneTimeSetUp]
    public static void RequireKvm() => TinyMachine.RequireKvm();

    public void Dispose() => _memory.Dispose();

    [Test]
    [Promise(22)]
    public async Task A_start_up_IPI_that_pends_starts_the_vcpu_in_the_new_machine()
    {
        using var machine = new TinyMachine(2, _memory);
        using var successor = await TwoCpus.HandOverWhileHeldAsync(machine, TwoCpus.Starting.ToArray());

        Assert.That(_memory.Word(TwoCpus.Startups), Is.Zero, "the old machine did not take it");
        successor.Start();
        await TinyMachine.Until(() => _memory.Word(TwoCpus.Startups) != 0);
        await successor.StopAsync();

        Assert.That(_memory.Word(TwoCpus.Startups), Is.EqualTo(1));
        Assert.That(_memory.Word(TwoCpus.Rounds), Is.Zero, "the vCPU did not continue what it did before");
    }

    [Test]
    [Promise(22)]
    public async Task An_NMI_that_pends_is_taken_once_in_the_new_machine()
    {
        using var machine = new TinyMachine(2, _memory);
        using var successor = await TwoCpus.HandOverWhileHeldAsync(machine, TwoCpus.Interrupting.ToArray());

        Assert.That(machine.SavedState(cpu: 1).Events[NmiPending], Is.EqualTo(1));
        Assert.That(_memory.Word(TwoCpus.Nmis), Is.Zero, "the old machine did not take it");
        successor.Start();
        await TinyMachine.Until(() => _memory.Word(TwoCpus.Rounds) > 1000);
        await successor.StopAsync();

        Assert.That(_memory.Word(TwoCpus.Nmis), Is.EqualTo(1));
    }

    [Test]
    [Promise(21)]
    public async Task A_string_write_with_bytes_left_to_write_writes_those_and_no_other()
    {
        var bytes = new List<uint>();
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var machine = new TinyMachine(memory: _memory);
        VirtualCpuTests.Fill(machine);
        machine.OnPortWrite = (_, _, value) =>
        {
            bytes.Add(value);
            if (bytes.Count == 100)
            {
                _ = machine.Vm.Cpus.StopAsync(captureState: true);
                stopped.SetResult();
            }
        };
        machine.Load(TinyGuests.Streaming).Start();
        await stopped.Task.WaitAsync(Timeout);

        using var successor = await machine.HandOverAsync();

        Assert.That(machine.SavedState().Regs.Rcx, Is.EqualTo(256 - 100), "bytes are left");
        successor.Start();
        await successor.WritesAsync(256 - 100);
        await successor.StopAsync();
        Assert.That(bytes, Is.EqualTo(Enumerable.Range(0, bytes.Count).Select(i => (uint)(i & 0xff))));
    }

    [Test]
    [Promise(21)]
    public async Task A_string_read_with_words_left_to_read_reads_those_and_no_other()
    {
        uint next = 0;
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var machine = new TinyMachine(memory: _memory);
        machine.OnPortRead = (_, _) =>
        {
            if (next == 20)
            {
                _ = machine.Vm.Cpus.StopAsync(captureState: true);
                stopped.SetResult();
            }

            return next++;
        };
        machine.Load(TinyGuests.GatheringMany).Start();
        await stopped.Task.WaitAsync(Timeout);

        using var successor = await machine.HandOverAsync();

        Assert.That(machine.SavedState().Regs.Rcx, Is.EqualTo(600 - next).And.Positive, "words are left");
        successor.Start();
        await successor.WritesAsync(1);
        var words = Enumerable.Range(0, 600).Select(i => (int)BitConverter.ToUInt16(_memory.Bytes[(0x4000 + (2 * i))..]));
        Assert.That(words, Is.EqualTo(Enumerable.Range(0, 600)));
    }
}
