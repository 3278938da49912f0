// How much a peer or a client may make this process hold, read and wait for. The other end of a socket is not trusted: it may
// send valid messages without end, announce what never comes, or say as little as one byte at a time. So every loop over its input is bounded
// four times: in messages, in bytes, in descriptors and in time. The first three bounds are here, each generous by a factor for what an honest
// peer sends; the time is a migration parameter. docs/protocol.md, "Limits", lists them.

namespace Vmm.Migration.Channels;

/// <summary>The limits of what is taken from a peer.</summary>
internal static class ProtocolLimits
{
    /// <summary>The longest body of a greeting: three short fields.</summary>
    internal const int LargestGreeting = 4 * 1024;

    /// <summary>The longest body of a Descriptors message: 253 names.</summary>
    internal const int LargestDescriptors = 256 * 1024;

    /// <summary>The longest plan: properties, layouts and guest ABI of the largest machine are a few hundred KiB.</summary>
    internal const int LargestPlan = 4 * 1024 * 1024;

    /// <summary>The longest body of an answer that has texts in it: Refused, Ready, Failed, Taken.</summary>
    internal const int LargestAnswer = 1024 * 1024;

    /// <summary>The longest body of any other message; these have none.</summary>
    internal const int LargestOther = 4 * 1024;

    /// <summary>A body is read into a buffer that begins with this many bytes at most, and doubles as they come: an announced length costs nothing.</summary>
    internal const int FirstBuffer = 64 * 1024;

    /// <summary>The same for the state; a machine has less state than this, so that nothing is copied in the pause.</summary>
    internal const int FirstStateBuffer = 1024 * 1024;

    /// <summary>The most messages that a client may send between its greeting and its plan.</summary>
    internal const int MessagesBeforePlan = 16;

    /// <summary>The most descriptors that a client may send: a machine has a few dozen.</summary>
    internal const int DescriptorsOfClient = 1024;

    /// <summary>The most clients of a waiting process whose plan is not yet here; of more the one that came first is turned away.</summary>
    internal const int ConcurrentHandshakes = 8;

    /// <summary>The most silent connections to the main channel's socket that are kept; of more the one that came first is closed.</summary>
    internal const int EarlyConnections = 8;

    /// <summary>The most connections that are accepted before other work has its turn.</summary>
    internal const int AcceptsInTurn = 64;

    /// <summary>The most reads of one socket, with data always there, before other work has its turn.</summary>
    internal const int ReadsInTurn = 16;

    /// <summary>
    /// The most reads by a deadline that has passed. A process that was itself stopped when its time-out passed looks at what has arrived
    /// meanwhile, which is a few messages; a peer that sends without end does not hold it longer.
    /// </summary>
    internal const int LateReads = 32;

    /// <summary>The most messages that are read in search of the reason why a peer hung up.</summary>
    internal const int MessagesForCause = 16;

    /// <summary>A message is sent in one go: with its header received, the rest is there soon, however long the header may take. Milliseconds.</summary>
    internal const uint MessageTime = 5_000;

    /// <summary>The most characters that are kept of one text of a peer (a reason, a warning, a name in an error text).</summary>
    internal const int LongestText = 2 * 1024;

    /// <summary>The most characters that are kept of all texts of one message together.</summary>
    internal const int LongestTexts = 8 * 1024;

    /// <summary>The most characters of an operator's error text, in which a peer's texts stand.</summary>
    internal const int LongestError = 16 * 1024;

    /// <summary>The most entries of a list in a message.</summary>
    internal const int MostEntries = 4096;

    /// <summary>The most bytes of a text in a message.</summary>
    internal const int LongestWireText = 64 * 1024;

    /// <summary>The most bytes of a plan's guest ABI.</summary>
    internal const int LargestGuestAbi = 2 * 1024 * 1024;

    /// <summary>The most bytes of a set of processors.</summary>
    internal const int LargestMask = 1024;

    /// <summary>The most bytes of a set of NUMA nodes.</summary>
    internal const int LargestNodes = 128;

    /// <summary>Signs of life are read no faster than this, and a peer that sends them without a pause waits itself.</summary>
    internal static readonly TimeSpan BetweenSignsOfLife = TimeSpan.FromMilliseconds(1);

    /// <summary>The longest body of a message of this type.</summary>
    internal static int LargestBody(MessageType type) => type switch
    {
        MessageType.Hello => LargestGreeting,
        MessageType.Descriptors => LargestDescriptors,
        MessageType.Plan => LargestPlan,
        MessageType.Refused or MessageType.Ready or MessageType.Failed or MessageType.Taken => LargestAnswer,
        _ => LargestOther,
    };
}
