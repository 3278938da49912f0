using Vmm.Core.Native;

namespace Vmm.Core.Backends.Rng;

/// <summary>What a system call's result means for a device.</summary>
internal static class RngAnswer
{
    /// <summary>Bytes as they are. A bad address is the request's fault; the end of a file, and every other refusal, may be over later.</summary>
    /// <param name="result">Bytes, or an error number below zero.</param>
    internal static int Of(int result) => result >= 0 ? result : result == -VectorIo.BadAddress ? RngBackEnd.NoMemory : RngBackEnd.Later;
}
