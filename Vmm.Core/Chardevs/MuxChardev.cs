// One back end for several front ends (mux=on): a guest's console and a monitor on one terminal. MuxSwitch decides who gets what is typed; here is the
// life of the back end, which is that of any other. To the outside the two are one chardev: the state and the descriptors of the back end cross under the
// names that they would have without a mux, and what the switch adds is a section of its own.

using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>A back end that several front ends share.</summary>
public sealed class MuxChardev : Chardev
{
    private readonly Chardev _backEnd;

    /// <summary>Creates the mux around a back end, which is the mux's from now on.</summary>
    /// <param name="backEnd">The back end; it has no front end and no log.</param>
    /// <param name="loop">Its loop.</param>
    /// <param name="escape">The key that begins a command to the mux.</param>
    /// <param name="exit">Ends the program; any thread, never waits.</param>
    /// <param name="monitors">How many monitors will come beside the devices; nothing is read before they are there, so that no key is another's.</param>
    public MuxChardev(Chardev backEnd, EventLoop loop, byte escape, Action exit, int monitors = 0)
        : base((backEnd ?? throw new ArgumentNullException(nameof(backEnd))).Label, loop, backEnd.Gate)
    {
        _backEnd = backEnd;
        Switch = new MuxSwitch(this, loop, escape, exit, monitors);
        backEnd.Attach(Switch);
    }

    /// <summary>Who has the terminal.</summary>
    public MuxSwitch Switch { get; }

    /// <inheritdoc/>
    public override string FileName => "mux";

    /// <inheritdoc/>
    public override Chardev BackEnd => _backEnd;

    /// <inheritdoc/>
    public override ConsoleSize Size => _backEnd.Size;

    /// <summary>Never: its front ends come and go with it.</summary>
    public override bool IsReplaceable => false;

    /// <inheritdoc/>
    public override bool FrontendOpen => Switch.IsInUse;

    /// <inheritdoc/>
    public override StateLayout Layout => _backEnd.Layout;

    /// <summary>A place for one more front end. What a device has comes before what a monitor has.</summary>
    /// <param name="takesFocus">Whether it gets what is typed from now on.</param>
    public Chardev AddPort(bool takesFocus) => Switch.AddPort(takesFocus);

    /// <inheritdoc/>
    public override void Detach() => Switch.DetachAll();

    /// <inheritdoc/>
    public override void Break() => Switch.Break();

    /// <inheritdoc/>
    public override void InputReady() => _backEnd.InputReady();

    /// <inheritdoc/>
    public override void Save(StateWriter writer) => _backEnd.Save(writer);

    /// <inheritdoc/>
    public override void Load(StateReader reader) => _backEnd.Load(reader);

    private protected override void OpenEnd() => _backEnd.Open();

    private protected override bool AdoptEnd(HandedOverDescriptors handedOver) => _backEnd.Adopt(handedOver);

    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd() => _backEnd.Export();

    private protected override void QuiesceEnd()
    {
        _backEnd.Quiesce();
        IsRunning = false;
    }

    private protected override void ResumeEnd()
    {
        _backEnd.Resume();
        IsRunning = true;
        Switch.Resumed();
    }

    private protected override void ReleaseEnd()
    {
        IsRunning = false;
        _backEnd.Release();
    }

    private protected override void CloseEnd()
    {
        IsRunning = false;
        _backEnd.Dispose();
    }

    private protected override int Accept(ReadOnlySpan<byte> bytes) => _backEnd.Write(bytes);

    private protected override Task EndDeliveredAsync() => _backEnd.DeliveredAsync();
}
