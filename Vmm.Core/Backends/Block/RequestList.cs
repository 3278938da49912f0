namespace Vmm.Core.Backends.Block;

/// <summary>Requests that wait, the first one first; a list without nodes of its own, so adding allocates nothing.</summary>
internal sealed class RequestList
{
    private BlockRequest? _last;

    internal BlockRequest? First { get; private set; }

    internal void Add(BlockRequest request)
    {
        request.Next = null;
        if (_last is null)
        {
            First = request;
        }
        else
        {
            _last.Next = request;
        }

        _last = request;
    }

    internal void RemoveFirst()
    {
        var first = First!;
        First = first.Next;
        first.Next = null;
        if (First is null)
        {
            _last = null;
        }
    }
}
