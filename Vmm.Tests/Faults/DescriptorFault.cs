using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Faults;

/// <summary>The descriptors that go with the plan are not what was sent.</summary>
/// <param name="name">What is wrong with them.</param>
/// <param name="whatComes">What comes in their place; it gets the names and the descriptors.</param>
/// <param name="outcome">What must come of it.</param>
internal sealed class DescriptorFault(
    string name, Func<IReadOnlyList<string>, IReadOnlyList<SafeFileHandle>, IReadOnlyList<SafeFileHandle>> whatComes, Outcome outcome) : Fault(name)
{
    private const int HeaderSize = 16;

    /// <summary>Every one.</summary>
    internal static IReadOnlyList<Fault> All { get; } =
    [
        new DescriptorFault("missing descriptor", (_, sent) => [.. sent.SkipLast(1)], Outcome.Stays(Rest.Waits, @"announced \d+ descriptors .* and sent \d+")),
        new DescriptorFault("extra descriptor", (_, sent) => [.. sent, Null()], Outcome.Stays(Rest.Waits, @"announced \d+ descriptors .* and sent \d+")),
        new DescriptorFault("RAM descriptor of another kind", Ram(Null), Outcome.Stays(Rest.Exits, "the received file has device .* where .* was promised")),
        new DescriptorFault(
            "baton descriptor of another kind",
            (names, sent) => Instead(names, sent, DescriptorNames.Baton, Null()),
            Outcome.Stays(Rest.Exits, "a memfd of 4096 bytes, sealed against resizing, was expected")),
        new DescriptorFault(
            "RAM file too small", Ram(() => Memfd.Create("small", Party.RamSize / 2)), Outcome.Stays(Rest.Exits, "size 0x200000 where 0x400000 was promised")),
        new DescriptorFault(
            "RAM file that is not the promised one",
            Ram(() => Memfd.Create("other", Party.RamSize)),
            Outcome.Stays(Rest.Exits, "inode .* where .* was promised")),
    ];

    /// <inheritdoc/>
    internal override Outcome At(HandoverStep step) =>
        step == HandoverStep.OldGreeted ? outcome : Outcome.CannotHappen("no descriptors follow");

    /// <inheritdoc/>
    internal override void Interpose(Scene scene) => scene.Interpose(message => Spoil(message, whatComes));

    /// <inheritdoc/>
    internal override Task StrikeAsync(Scene scene, HandoverStep step)
    {
        scene.ReleaseAll();
        return Task.CompletedTask;
    }

    /// <summary>Sends others in the place of the descriptors that a message brings; one of another kind passes.</summary>
    internal static IReadOnlyList<WireMessage> Spoil(
        WireMessage message, Func<IReadOnlyList<string>, IReadOnlyList<SafeFileHandle>, IReadOnlyList<SafeFileHandle>> whatComes)
    {
        if (message.Kind != WireKind.Descriptors)
        {
            return [message];
        }

        var reader = new StateReader(message.Bytes.AsMemory(HeaderSize));
        var names = PlanCodec.ReadList(reader, reader.ReadText);
        return [new WireMessage(message.IsOlds, message.Kind, message.Bytes, whatComes(names, message.Descriptors))];
    }

    private static Func<IReadOnlyList<string>, IReadOnlyList<SafeFileHandle>, IReadOnlyList<SafeFileHandle>> Ram(Func<SafeFileHandle> other) =>
        (names, sent) => Instead(names, sent, DescriptorNames.Ram("ram0"), other());

    private static IReadOnlyList<SafeFileHandle> Instead(
        IReadOnlyList<string> names, IReadOnlyList<SafeFileHandle> sent, string name, SafeFileHandle other) =>
        [.. sent.Select((handle, i) => names[i] == name ? other : handle)];

    private static SafeFileHandle Null() => File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
}
