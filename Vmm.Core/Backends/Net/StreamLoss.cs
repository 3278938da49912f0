using System.Globalization;
using System.Runtime.InteropServices;

namespace Vmm.Core.Backends.Net;

/// <summary>Why a stream has ended.</summary>
/// <param name="Reason">The reason; null where the peer has closed it, which is no fault.</param>
/// <param name="IsMalformed">Whether the peer has sent what no frame begins with.</param>
internal sealed record StreamLoss(string? Reason, bool IsMalformed = false)
{
    /// <summary>The peer has closed it.</summary>
    internal static readonly StreamLoss Ended = new(Reason: null);

    /// <summary>The host reports an error of the connection.</summary>
    internal static StreamLoss Refused(int error) => new(Marshal.GetPInvokeErrorMessage(error));

    /// <summary>The peer has sent a length that no frame has.</summary>
    internal static StreamLoss Malformed(uint length) => new(
        string.Create(CultureInfo.InvariantCulture, $"the peer sent a frame of {length} bytes, 1 to {StreamInput.LongestFrame} are possible"), IsMalformed: true);
}
