using System.Globalization;

namespace Vmm.Core.Machines;

/// <summary>Waits for what quiesced devices have in flight, without blocking the machine loop.</summary>
internal static class DeviceDrain
{
    private const ulong SlowFrom = 100_000; // nanoseconds

    private static readonly Task<IReadOnlyList<SlowQuiesce>> Nothing = Task.FromResult<IReadOnlyList<SlowQuiesce>>([]);

    /// <summary>Completes when nothing is in flight: at once, and without an allocation, if nothing is.</summary>
    /// <returns>The devices that took longer than 100 us.</returns>
    /// <exception cref="MachineException">One took longer than the limit.</exception>
    internal static Task<IReadOnlyList<SlowQuiesce>> RunAsync(Machine machine, Board board, TimeSpan limit) =>
        board.Devices.Devices.All(static device => device.DrainAsync().IsCompleted) ? Nothing : WaitAsync(machine, board, limit);

    private static async Task<IReadOnlyList<SlowQuiesce>> WaitAsync(Machine machine, Board board, TimeSpan limit)
    {
        ulong begin = Instant.Now;
        var slow = new List<SlowQuiesce>();
        var over = machine.Loop.Delay(limit);
        foreach (var device in board.Devices.Devices)
        {
            var drained = device.DrainAsync();
            string name = device.Configuration.Id ?? device.Configuration.Type.Name;
            if (await Task.WhenAny(drained, over) != drained && !drained.IsCompleted)
            {
                throw new MachineException(
                    $"{device.Configuration.Title} has requests that the host has not finished within {limit.TotalMilliseconds.ToString(CultureInfo.InvariantCulture)} ms");
            }

            ulong took = Instant.Now - begin;
            if (took >= SlowFrom)
            {
                slow.Add(new SlowQuiesce(name, took / 1000));
            }
        }

        return slow;
    }
}
