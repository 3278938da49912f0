// The monitors in a program that replaces this one by exec: their clients' sessions, and what only the program knows of, which is descriptors that the command
// line names by number, and monitors that share a mux with devices.
//
// The next program has the same command line. A descriptor that it names has to be open under its number there, and belongs to what takes it from the
// command line; here it is only named, so that it stays open over the exec.

using System.Text;
using Vmm.Core.Chardevs;
using Vmm.Core.Descriptors;
using Vmm.Core.State;
using Vmm.Qmp.Sessions;

namespace Vmm.Hosting;

/// <summary>All monitors of a process, while the program is replaced. Machine loop only.</summary>
/// <param name="sessions">The sessions of their clients.</param>
/// <param name="endpoints">Where clients come from.</param>
/// <param name="muxed">The monitors that share a mux with devices.</param>
/// <param name="serve">Begins to serve what was restored.</param>
internal sealed class MonitorCrossing(
    SessionCrossing sessions, IReadOnlyList<MonitorEndpoint> endpoints, IReadOnlyList<MuxMonitor> muxed, Action serve) : IExecCrossing
{
    private const uint Version = 1;

    /// <inheritdoc/>
    public string Name => sessions.Name;

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> Inherited => endpoints.Select(endpoint => endpoint.Inherited).OfType<HandoverDescriptor>();

    /// <inheritdoc/>
    public async Task HoldAsync(TimeSpan atMost)
    {
        await sessions.HoldAsync(atMost);
        foreach (var monitor in muxed)
        {
            monitor.Hold();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter record, ICollection<HandoverDescriptor> descriptors)
    {
        record.WriteUInt32(Version);
        var lines = muxed.Select(monitor => (Monitor: monitor, Line: monitor.Save())).Where(muxed => muxed.Line is not null).ToList();
        record.WriteUInt32((uint)lines.Count);
        foreach (var (monitor, line) in lines)
        {
            byte[] name = Encoding.UTF8.GetBytes(monitor.LineName);
            record.WriteUInt16((ushort)name.Length);
            record.WriteBytes(name);
            line!.Value.State.Write(record);
            descriptors.Add(new HandoverDescriptor(monitor.LineName, line.Value.Near));
        }

        sessions.Save(record, descriptors);
        foreach (var inherited in Inherited)
        {
            descriptors.Add(inherited);
        }
    }

    /// <inheritdoc/>
    public void Continue()
    {
        sessions.Continue();
        foreach (var monitor in muxed)
        {
            monitor.Continue();
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader record, HandedOverDescriptors descriptors)
    {
        uint version = record.ReadUInt32();
        if (version is 0 or > Version)
        {
            throw new StateException($"the record of the monitors' sessions has version {version}; this program reads versions up to {Version}");
        }

        var lines = new List<(string Name, MuxMonitorState State)>();
        for (uint left = record.ReadUInt32(); left > 0; left--)
        {
            lines.Add((Encoding.UTF8.GetString(record.ReadBytes(record.ReadUInt16())), MuxMonitorState.Read(record)));
        }

        // Last what can be refused: what follows takes descriptors.
        sessions.Restore(record, descriptors);
        foreach (var (name, state) in lines)
        {
            muxed.FirstOrDefault(monitor => monitor.LineName == name)?.Restore(state, descriptors);
        }

        foreach (var endpoint in endpoints)
        {
            endpoint.LeaveInherited(descriptors);
        }
    }

    /// <inheritdoc/>
    public void Resume()
    {
        serve();
        sessions.Resume();
    }
}
