// Messages that do not arrive as they were sent. A message is struck on its way, so these faults can happen only after the
// steps that a message follows.

using System.Buffers.Binary;
using Vmm.Lab.Drivers;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Faults;

/// <summary>What happens to a message.</summary>
internal enum Spoiling
{
    /// <summary>Half of it comes, and then the channel's end.</summary>
    Truncated,

    /// <summary>It comes twice.</summary>
    Duplicated,

    /// <summary>The one that follows it comes first.</summary>
    Reordered,

    /// <summary>It announces more than any honest peer would send.</summary>
    Oversized,

    /// <summary>One bit is another.</summary>
    BitFlipped,

    /// <summary>One bit of the length that it announces is another: 16 bytes more or less than what comes.</summary>
    WrongLength,
}

/// <summary>The message after a step is spoilt.</summary>
internal sealed class MessageFault(Spoiling spoiling) : Fault($"{Words(spoiling)} message")
{
    private WireMessage? _first;

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) => (After(step), spoiling) switch
    {
        (null, _) => Outcome.CannotHappen("no message follows"),
        ((_, WireKind.Hello or WireKind.Listening or WireKind.End or WireKind.Taken), Spoiling.Reordered) =>
            Outcome.CannotHappen("nothing follows the message before it is answered"),
        ((_, WireKind.End), Spoiling.Duplicated) => Outcome.Goes(),
        ((_, WireKind.Taken), Spoiling.Duplicated) => Outcome.Goes(),
        ((_, WireKind.Taken), _) => Outcome.Goes("did not say so"),
        ((_, WireKind.State), Spoiling.WrongLength) => Outcome.Stays(Rest.Exits, "head promises .* end record comes after|end record is damaged"),
        ((_, WireKind.State or WireKind.End), _) => Outcome.Stays(Rest.Exits, Reason),
        ((true, WireKind.Plan), Spoiling.Duplicated) => Outcome.Stays(Rest.Exits, Reason),
        ((true, _), _) => Outcome.Stays(Rest.Waits, Reason),
        ((false, WireKind.Hello), Spoiling.Duplicated) => Outcome.Stays(Rest.Exits, Reason),
        ((false, WireKind.Hello), _) => Outcome.Stays(Rest.Waits, Reason),
        _ => Outcome.Stays(Rest.Exits, Reason),
    };

    private string Reason => spoiling switch
    {
        Spoiling.Truncated => "closed the (cpr|main) channel|main channel to .* broke",
        Spoiling.Duplicated or Spoiling.Reordered => @"sent message number \d+ where \d+ was expected|end record is damaged|bad magic",
        Spoiling.Oversized => "announced|damaged",
        _ => "damaged|speaks? (the )?handover protocol|sent message number|did not finish a message",
    };

    /// <inheritdoc/>
    internal override void Interpose(Scene scene) => scene.Interpose(message => Spoil(scene.Struck, message));

    /// <inheritdoc/>
    internal override async Task StrikeAsync(Scene scene, HandoverStep step)
    {
        if (step == HandoverStep.NewReady && spoiling == Spoiling.Duplicated)
        {
            // Old reads the second one when it waits for the outcome, and new would be taking then: old first.
            scene.Old.Steps.ReleaseAll();
            scene.New.Steps.Release(step);
            await scene.Old.SettledAsync();
        }

        if (step == HandoverStep.OldGreeted && spoiling == Spoiling.Duplicated)
        {
            // New reads the second one when it waits for the main channel, and does not mind if that is there: new first.
            scene.New.Steps.ReleaseAll();
            scene.Old.Steps.Release(step);
            await scene.Old.Steps.WaitForAsync(HandoverStep.OldPlanSent);
            scene.Old.Steps.Release(HandoverStep.OldPlanSent);
            await scene.New.Process.Exited.WaitAsync(Timeouts.Answer);
        }

        scene.ReleaseAll();
    }

    /// <summary>The message that is sent after a step, before anything else happens.</summary>
    private static (bool IsOlds, WireKind Kind)? After(HandoverStep step) => step switch
    {
        HandoverStep.OldConnected => (true, WireKind.Hello),
        HandoverStep.NewAccepted => (false, WireKind.Hello),
        HandoverStep.OldGreeted => (true, WireKind.Plan),
        HandoverStep.NewBuilt => (false, WireKind.Ready),
        HandoverStep.NewReady => (false, WireKind.Listening),
        HandoverStep.OldSaved => (true, WireKind.State),
        HandoverStep.OldOffered => (true, WireKind.End),
        HandoverStep.NewRunning => (false, WireKind.Taken),
        _ => null,
    };

    private IReadOnlyList<WireMessage> Spoil(HandoverStep step, WireMessage message)
    {
        if (_first is { } first && first.IsOlds == message.IsOlds)
        {
            _first = null;
            return [message, first];
        }

        // Descriptors and plan follow each other.
        var struck = spoiling == Spoiling.Reordered && step == HandoverStep.OldGreeted ? (true, WireKind.Descriptors) : After(step);
        if (struck != (message.IsOlds, message.Kind))
        {
            return [message];
        }

        byte[] bytes = message.Bytes;
        switch (spoiling)
        {
            case Spoiling.Truncated:
                return [message.With(bytes[..(bytes.Length / 2)]) with { IsLast = true }];
            case Spoiling.Duplicated:
                return [message, new WireMessage(message.IsOlds, message.Kind, bytes, [])];
            case Spoiling.Reordered:
                _first = message;
                return [];
            case Spoiling.Oversized when message.Kind is WireKind.State or WireKind.End:
                BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(16), uint.MaxValue);
                return [message];
            case Spoiling.Oversized:
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(8), uint.MaxValue);
                return [message];
            case Spoiling.WrongLength when message.Kind is WireKind.State or WireKind.End:
                bytes[23] ^= 0x10;
                return [message];
            case Spoiling.WrongLength:
                bytes[11] ^= 0x10;
                return [message];
            default:
                bytes[bytes.Length / 2] ^= 0x10;
                return [message];
        }
    }

    private static string Words(Spoiling spoiling) => spoiling switch
    {
        Spoiling.BitFlipped => "bit-flipped",
        Spoiling.WrongLength => "wrong-length",
        _ => spoiling.ToString().ToLowerInvariant(),
    };
}
