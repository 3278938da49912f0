using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Memory;

/// <summary>The file of a RAM block as it came from another process, and what that process said it is.</summary>
/// <param name="File">The file; the receiver of the record owns it.</param>
/// <param name="Promised">What it must be.</param>
public sealed record ReceivedRam(SafeFileHandle File, RamFileIdentity Promised);
