// The first message of each side: which protocol versions it speaks, and which program it is. The two use the highest
// version that both speak; where there is none, the update is refused before anything has happened.

using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>Greets the peer.</summary>
internal static class Greeting
{
    /// <summary>The oldest protocol version spoken here.</summary>
    internal const ushort OldestProtocol = 1;

    /// <summary>The newest protocol version spoken here.</summary>
    internal const ushort NewestProtocol = 6;

    /// <summary>This program's version.</summary>
    internal static string ProgramVersion { get; } =
        typeof(Greeting).Assembly.GetName().Version?.ToString(3) ?? "unknown";

    /// <summary>The hello of this side.</summary>
    internal static StateWriter Hello()
    {
        var body = new StateWriter(64);
        body.WriteUInt16(OldestProtocol);
        body.WriteUInt16(NewestProtocol);
        body.WriteText(ProgramVersion);
        return body;
    }

    /// <summary>Reads the peer's hello and settles on a version.</summary>
    /// <returns>The protocol version to speak.</returns>
    /// <exception cref="HandoverException">There is none in common, or it was no hello.</exception>
    internal static ushort Settle(Message message, string peer)
    {
        if (message.Type != MessageType.Hello)
        {
            throw new HandoverException($"{peer} began with message {(ushort)message.Type} where a greeting was expected");
        }

        var reader = message.Reader();
        ushort oldest = reader.ReadUInt16();
        ushort newest = reader.ReadUInt16();
        string version = PeerText.Of(reader.ReadText());
        return oldest <= NewestProtocol && newest >= OldestProtocol
            ? Math.Min(newest, NewestProtocol)
            : throw new HandoverException(
                $"{peer} (vmm {version}) speaks handover protocol {oldest} to {newest}, this process (vmm {ProgramVersion}) "
                + $"{OldestProtocol} to {NewestProtocol}");
    }
}
