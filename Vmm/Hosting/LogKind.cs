using Microsoft.Extensions.Logging;

namespace Vmm.Hosting;

/// <summary>Which messages are similar: those of one part of the program that come from the same place in it.</summary>
/// <param name="Part">The logger of the part.</param>
/// <param name="Level">Its severity.</param>
/// <param name="Id">The event's number.</param>
/// <param name="Name">The event's name.</param>
internal readonly record struct LogKind(ILogger Part, LogLevel Level, int Id, string? Name);
