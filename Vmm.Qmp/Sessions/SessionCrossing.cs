// The sessions of monitors continue in a program that replaces this one: the clients keep their connections and notice nothing but a pause.
//
// A request is executed once, and nothing that was sent is lost. So first commands are held: no further one begins, and those that run are waited for
// until their replies are in the queues. Then the monitors' loop is held: nothing is received, sent or accepted. From then on the machine loop
// alone touches a session, and only by events, which go into its queue; what is in the queue when the record is written is sent by the next program.
//
// A client of a listening socket crosses, and one at standard input and output. One whose socket was handed in as a descriptor is greeted anew in the
// next program, as QEMU does it.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.State;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>The sessions of all monitors of a process, while the program is replaced. Machine loop only.</summary>
/// <param name="server">Runs the monitors.</param>
/// <param name="monitors">The monitors; none is added to the server before <see cref="Restore"/>.</param>
/// <param name="hold">Holds their commands.</param>
/// <param name="withdrawWaiting">Sends away operations that wait for their turn and can be asked for again.</param>
/// <param name="log">Where sessions are reported that end.</param>
public sealed class SessionCrossing(
    MonitorServer server, IReadOnlyCollection<Monitor> monitors, CommandHold hold, Action withdrawWaiting, ILogger log) : IExecCrossing
{
    private const uint Version = 1;

    /// <summary>How long a client that will be greeted anew may take to read what is queued for it.</summary>
    private static readonly TimeSpan FlushLimit = TimeSpan.FromMilliseconds(500);

    /// <summary>Several monitors may share a mux, and have its name: all but the first have their number behind it.</summary>
    private readonly List<(string Key, Monitor Monitor)> _monitors =
    [
        .. from same in monitors.GroupBy(monitor => monitor.Name)
           from monitor in same.Index()
           select (monitor.Index == 0 ? same.Key : $"{same.Key}:{monitor.Index + 1}", monitor.Item),
    ];

    private readonly List<SafeFileHandle> _ofOthers = [];
    private bool _isHeld;

    /// <inheritdoc/>
    public string Name => "monitors";

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> Inherited => [];

    /// <inheritdoc/>
    public async Task HoldAsync(TimeSpan atMost)
    {
        _isHeld = true;
        hold.Begin();
        withdrawWaiting();
        try
        {
            await hold.RestAsync(atMost);
            await server.HoldAsync(FlushLimit < atMost ? FlushLimit : atMost);
        }
        catch
        {
            Continue();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter record, ICollection<HandoverDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(descriptors);
        record.WriteUInt32(Version);
        record.WriteList([.. _monitors.Where(monitor => monitor.Monitor.Crossing is not null)], crossing =>
        {
            var (key, monitor) = crossing;
            record.WriteText(key);
            record.WriteByte(monitor.Language);
            int at = record.Length;
            record.WriteUInt32(0);
            var own = new SessionDescriptors(key);
            monitor.Crossing!.Save(record, own);
            record.PatchUInt32(at, (uint)(record.Length - at - sizeof(uint)));
            foreach (var descriptor in own.Saved)
            {
                descriptors.Add(descriptor);
            }
        });
    }

    /// <inheritdoc/>
    public void Continue()
    {
        if (_isHeld)
        {
            _isHeld = false;
            server.Continue();
            hold.End();
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader record, HandedOverDescriptors descriptors)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(descriptors);
        uint version = record.ReadUInt32();
        if (version is 0 or > Version)
        {
            throw new StateException($"the record of the monitors' sessions has version {version}; this program reads versions up to {Version}");
        }

        var sessions = record.ReadList(() => ReadSession(record));
        Check(sessions, descriptors);
        _isHeld = true;
        hold.Begin();
        server.Hold();
        foreach (var (name, monitor, session) in sessions)
        {
            Take(name, monitor, session, descriptors);
        }
    }

    /// <inheritdoc/>
    public void Resume()
    {
        _ofOthers.ForEach(descriptor => descriptor.Dispose());
        _ofOthers.Clear();
        Continue();
    }

    private (string Name, Monitor? Monitor, SessionRecord? Session) ReadSession(StateReader record)
    {
        string name = record.ReadText();
        byte language = record.ReadByte();
        byte[] body = record.ReadBlob();
        if (_monitors.FirstOrDefault(monitor => monitor.Key == name && monitor.Monitor.Language == language).Monitor is not { } monitor)
        {
            return (name, null, null);
        }

        var reader = new StateReader(body);
        var session = monitor.Read(reader);
        return reader.Remaining == 0
            ? (name, monitor, session)
            : throw RecordFields.Damaged($"{reader.Remaining} bytes are left over behind the session of monitor '{name}'");
    }

    /// <summary>Everything that can be wrong is found before anything is taken.</summary>
    private static void Check(List<(string Name, Monitor? Monitor, SessionRecord? Session)> sessions, HandedOverDescriptors descriptors)
    {
        if (sessions.DistinctBy(session => session.Name).Count() != sessions.Count)
        {
            throw RecordFields.Damaged("a monitor has two sessions");
        }

        foreach (var (name, _, session) in sessions.Where(session => session.Session is not null))
        {
            var own = new SessionDescriptors(name);
            string? reason = null;
            for (int place = session!.HasSocket ? 0 : 1; place <= session.DescriptorCount && reason is null; place++)
            {
                reason = WhyUnfit(descriptors, own.NameOf(place), isSocket: place == 0);
            }

            if (reason is not null)
            {
                throw new StateException($"the session of monitor '{name}' cannot continue: {reason}");
            }
        }
    }

    private static string? WhyUnfit(HandedOverDescriptors descriptors, string name, bool isSocket)
    {
        string? reason = $"descriptor '{name}' is missing";
        _ = descriptors.Claim(name, handle =>
        {
            reason = isSocket ? DescriptorKind.ConnectedSocket(handle) : null;
            return false;
        });
        return reason;
    }

    private void Take(string name, Monitor? monitor, SessionRecord? record, HandedOverDescriptors descriptors)
    {
        var own = new SessionDescriptors(name);
        if (monitor is not null && record is not null && monitor.Restore(server.Loop, record, own.Claim(descriptors, record), own))
        {
            return;
        }

        // Closed when it is certain that no program that has this monitor is gone back to.
        var left = descriptors.Names.Where(left => left == own.NameOf(0) || left.StartsWith($"{own.NameOf(0)}/", StringComparison.Ordinal)).ToList();
        _ofOthers.AddRange(left.Select(left => descriptors.Claim(left)!));
        log.SessionNotContinued(name);
    }
}
