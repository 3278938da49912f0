// A machine that waits for its state runs through the pause once: what it holds after power-on is captured, put into
// bytes, read and applied again, by the same code and the same calls that the real state will pass. That shows what the
// hypervisor takes, and how long; and code and data that the pause will need have been touched before it.
//
// Nothing of it lasts: the real state overwrites all that a rehearsal applies and that differs, and a guest's RAM is not written, because a
// vCPU at power-on has no clock page, no steal-time page and no event page in it.

using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Migration.Streams;

namespace Vmm.Migration.Handover;

/// <summary>Saves and loads a machine that has never run.</summary>
internal static class Rehearsal
{
    private const int Rounds = 3;

    /// <summary>Runs the rehearsal.</summary>
    /// <returns>How long capturing, saving, loading and applying take once everything is warm, in microseconds.</returns>
    internal static async Task<ulong> RunAsync(Machine machine, Board board)
    {
        ulong fastest = ulong.MaxValue;
        var state = new StateWriter(256 * 1024);
        foreach (int _ in Paced.Each(Enumerable.Range(0, Rounds)))
        {
            ulong begin = HandoverTimes.Now;
            await board.Vm.Cpus.StopAsync(captureState: true);
            state.Clear();
            VmStateWriter.Write(state, machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
            VmStateReader.Read(
                new StateReader(state.WrittenMemory), machine.Configuration.MachineType, RamTable.Of(board), board.Sections);
            await board.ApplyStateAsync();
            fastest = Math.Min(fastest, HandoverTimes.Between(begin, HandoverTimes.Now));
        }

        return fastest;
    }
}
