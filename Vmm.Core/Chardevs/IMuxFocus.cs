namespace Vmm.Core.Chardevs;

/// <summary>A front end at a mux that behaves otherwise while another has the terminal. Called with the gate held.</summary>
internal interface IMuxFocus
{
    /// <summary>It gets, or does not get any more, what is typed.</summary>
    void FocusChanged(bool hasFocus);

    /// <summary>Bytes flow again after a handover that failed, or for the first time.</summary>
    void Resumed();
}
