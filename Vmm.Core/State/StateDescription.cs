// What a stream's JSON description says of one record, so that a reader which knows no device can walk the bytes.
//
// It describes one stream and not a layout: only the subsections that were written are in it, and an array has the elements that it
// had. So it is made from a layout and the bytes that were written by it, afterwards, which costs the pause nothing.

namespace Vmm.Core.State;

/// <summary>A record, or a subsection of one, as it is in a stream.</summary>
/// <param name="Name">The layout's name.</param>
/// <param name="Version">The layout's version.</param>
/// <param name="Fields">The fields, in stream order.</param>
/// <param name="Subsections">The subsections that are there, in stream order; they follow the fields.</param>
public sealed record StateDescription(
    string Name, int Version, IReadOnlyList<FieldDescription> Fields, IReadOnlyList<StateDescription> Subsections);
