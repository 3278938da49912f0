using Vmm.Migration.Channels;

namespace Vmm.CommandLine;

/// <summary>Where a machine that does not boot comes from.</summary>
/// <param name="Main">Where the state stream arrives; null for -incoming defer: migrate-incoming will say.</param>
/// <param name="Cpr">Where the previous owner's descriptors arrive, a unix path or an inherited listening socket; null for none.</param>
internal sealed record IncomingConfiguration(ChannelAddress? Main, ChannelAddress? Cpr);
