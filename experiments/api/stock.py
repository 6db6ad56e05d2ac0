"""Protocols and what runs need: inventory, schedule, equipment."""

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scoping import visible_or_404
from experiments import transitions_stock as stock
from experiments.api import serializers
from experiments.models import Booking, Equipment, InventoryItem, Protocol, Resource
from ledger.errors import Invalid
from portal.paging import CursorPaging
from portal.parsing import StrictJSONParser

PROTOCOL_FIELDS = ("name", "content", "version", "team_id", "variables")
ITEM_FIELDS = ("item_type", "name", "status", "team_id")
EQUIPMENT_FIELDS = ("name", "team_id", "calibration_due_at")


def members(data, names, *, required=()):
    """The members of a JSON object that a verb takes; Invalid names each one that is missing."""
    if not isinstance(data, dict):
        raise Invalid("Send a JSON object.", code="not_an_object")
    absent = [name for name in required if data.get(name) is None]
    if absent:
        errors = [{"field": name, "code": "required", "detail": "This is required."} for name in absent]
        raise Invalid(f"Missing: {', '.join(absent)}.", errors=errors)
    return {name: data[name] for name in names if name in data}


class StockList(ListAPIView):
    """A page of what the caller may see, or a new one."""

    pagination_class = CursorPaging
    parser_classes = [StrictJSONParser]
    filter_backends = []
    page_order = "-created_at"


class Protocols(StockList):
    serializer_class = serializers.ProtocolSerializer

    def get_queryset(self):
        return Protocol.objects.visible_to(self.request.user)

    @extend_schema(request=serializers.ProtocolInput, responses={201: serializers.ProtocolSerializer})
    def post(self, request):
        given = members(request.data, PROTOCOL_FIELDS, required=("name", "content"))
        return Response(self.get_serializer(stock.create_protocol(by=request.user, **given)).data, status=201)


class OneProtocol(APIView):
    parser_classes = [StrictJSONParser]

    @extend_schema(responses=serializers.ProtocolSerializer)
    def get(self, request, pk):
        protocol = visible_or_404(Protocol.objects, request.user, pk)
        return Response(serializers.ProtocolSerializer(protocol).data)

    @extend_schema(request=serializers.ProtocolInput(partial=True), responses=serializers.ProtocolSerializer)
    def patch(self, request, pk):
        protocol = visible_or_404(Protocol.objects, request.user, pk)
        changes = members(request.data, PROTOCOL_FIELDS)
        changed = stock.change_protocol(protocol.pk, by=request.user, **changes)
        return Response(serializers.ProtocolSerializer(changed).data)


class InventoryItems(StockList):
    serializer_class = serializers.InventoryItemSerializer

    def get_queryset(self):
        return InventoryItem.objects.visible_to(self.request.user)

    @extend_schema(request=serializers.InventoryItemInput, responses={201: serializers.InventoryItemSerializer})
    def post(self, request):
        given = members(request.data, ITEM_FIELDS, required=("item_type", "name"))
        return Response(self.get_serializer(stock.create_item(by=request.user, **given)).data, status=201)


class OneInventoryItem(APIView):
    parser_classes = [StrictJSONParser]

    @extend_schema(responses=serializers.InventoryItemSerializer)
    def get(self, request, pk):
        item = visible_or_404(InventoryItem.objects, request.user, pk)
        return Response(serializers.InventoryItemSerializer(item).data)

    @extend_schema(request=serializers.InventoryItemInput, responses=serializers.InventoryItemSerializer)
    def put(self, request, pk):
        return self._change(request, pk, required=("item_type", "name", "status"))

    @extend_schema(request=serializers.InventoryItemInput(partial=True), responses=serializers.InventoryItemSerializer)
    def patch(self, request, pk):
        return self._change(request, pk)

    def _change(self, request, pk, required=()):
        item = visible_or_404(InventoryItem.objects, request.user, pk)
        changes = members(request.data, ITEM_FIELDS, required=required)
        if required:
            changes.setdefault("team_id", None)
        changed = stock.change_item(item.pk, by=request.user, **changes)
        return Response(serializers.InventoryItemSerializer(changed).data)


class Devices(StockList):
    serializer_class = serializers.EquipmentSerializer

    def get_queryset(self):
        return Equipment.objects.visible_to(self.request.user)

    @extend_schema(request=serializers.EquipmentInput, responses={201: serializers.EquipmentSerializer})
    def post(self, request):
        given = members(request.data, EQUIPMENT_FIELDS, required=("name",))
        return Response(self.get_serializer(stock.create_equipment(by=request.user, **given)).data, status=201)


class OneDevice(APIView):
    parser_classes = [StrictJSONParser]

    @extend_schema(responses=serializers.EquipmentSerializer)
    def get(self, request, pk):
        device = visible_or_404(Equipment.objects, request.user, pk)
        return Response(serializers.EquipmentSerializer(device).data)

    @extend_schema(request=serializers.EquipmentInput(partial=True), responses=serializers.EquipmentSerializer)
    def patch(self, request, pk):
        device = visible_or_404(Equipment.objects, request.user, pk)
        changes = members(request.data, EQUIPMENT_FIELDS)
        changed = stock.change_equipment(device.pk, by=request.user, **changes)
        return Response(serializers.EquipmentSerializer(changed).data)


class Resources(StockList):
    serializer_class = serializers.ResourceSerializer
    queryset = Resource.objects.all()

    @extend_schema(request=serializers.ResourceInput, responses={201: serializers.ResourceSerializer})
    def post(self, request):
        given = members(request.data, ("name",), required=("name",))
        return Response(self.get_serializer(stock.create_resource(by=request.user, **given)).data, status=201)


class Bookings(StockList):
    serializer_class = serializers.BookingSerializer
    queryset = Booking.objects.select_related("resource")

    @extend_schema(request=serializers.BookingInput, responses={201: serializers.BookingSerializer})
    def post(self, request):
        names = ("resource_id", "start_time", "end_time")
        given = members(request.data, names, required=names)
        return Response(self.get_serializer(stock.create_booking(by=request.user, **given)).data, status=201)
