using System.Buffers.Binary;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>The peer speaks versions of the protocol that are not known: 7 to 9.</summary>
internal sealed class VersionFault() : Fault("unknown protocol version")
{
    private const int HeaderSize = 16;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => step is HandoverStep.OldConnected or HandoverStep.NewAccepted
        ? Outcome.Stays(Rest.Waits, $"speaks handover protocol 7 to 9, .* {Greeting.OldestProtocol} to {Greeting.NewestProtocol}")
        : Outcome.CannotHappen("no greeting follows");

    /// <inheritdoc/>
    internal override void Interpose(Scene scene) => scene.Interpose(message => Spoil(scene.Struck, message));

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.ReleaseAll();
        return Task.CompletedTask;
    }

    private static IReadOnlyList<WireMessage> Spoil(HandoverStep step, WireMessage message)
    {
        if (message.Kind == WireKind.Hello && message.IsOlds == (step == HandoverStep.OldConnected))
        {
            byte[] bytes = message.Bytes;
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(HeaderSize), 7);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(HeaderSize + sizeof(ushort)), 9);
        }

        return [message];
    }
}
