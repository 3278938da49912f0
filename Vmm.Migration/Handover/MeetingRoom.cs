// The clients of a waiting process that have connected and not yet delivered a plan. Everybody who may connect may also stay
// silent, or send half of something and stop, so each of them holds descriptors and memory here until its time is up. There is room for
// a few: when one more comes, the one that came first is turned away. An honest peer needs some milliseconds, so those that
// stay are those that only hold the place.

using Vmm.Migration.Channels;

namespace Vmm.Migration.Handover;

/// <summary>Who is being met. Machine loop only.</summary>
internal sealed class MeetingRoom
{
    private readonly List<TaskCompletionSource> _places = [];

    /// <summary>Runs a meeting.</summary>
    /// <param name="meet">The meeting.</param>
    /// <param name="client">Who is met, for texts.</param>
    /// <exception cref="HandoverException">The client was turned away for others; its meeting ends when its channel is closed.</exception>
    internal async Task<T> MeetAsync<T>(Func<Task<T>> meet, string client)
    {
        var met = meet();
        if (met.IsCompleted)
        {
            // Whoever may not even begin takes nobody's place.
            return await met;
        }

        if (_places.Count == ProtocolLimits.ClientsInMeeting)
        {
            var first = _places[0];
            _places.RemoveAt(0);
            first.SetResult();
        }

        var turnedAway = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _places.Add(turnedAway);
        try
        {
            await Task.WhenAny(met, turnedAway.Task);
            return met.IsCompleted
                ? await met
                : throw new HandoverException(
                    $"{client} had not sent its plan when others came: {ProtocolLimits.ClientsInMeeting} clients are met at a time");
        }
        finally
        {
            _places.Remove(turnedAway);
        }
    }
}
